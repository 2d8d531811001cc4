# What every server of a tier has in common, whatever its region and its release:
# an image has it already, a server of plain Ubuntu is given it at boot.

add_packages() { retry apt-get -q -y -o DPkg::Lock::Timeout=300 --no-install-recommends install "$@"; }

# The AWS CLI first: nothing that fails before it is there can be signalled.
packages() {
  retry apt-get -q -o DPkg::Lock::Timeout=300 update
  add_packages awscli
  # shellcheck disable=SC2086 # several
  add_packages ca-certificates curl unattended-upgrades $PACKAGES
  # Ubuntu's image has it running: what the service says first is in its log, too.
  [[ ! -e /etc/rsyslog.d/40-app.conf ]] || systemctl restart rsyslog
}

limit_journal() {
  systemctl restart systemd-journald
}

bake() {
  step 'write what is baked' baked_files
  step 'limit the journal' limit_journal
  step 'install packages' packages
  step 'prepare the service' prepare
}
