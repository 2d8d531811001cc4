# The build of an image, by EC2 Image Builder: what a boot need not do then, the log
# agent too, and a mark by which the boot knows.
trap 'verdict $? IMAGE' EXIT

# forget empties the logs: Image Builder's own clean-up leaves these, and each server
# of the image would ship them as its own. What comes until this one is off is not
# written any more.
forget() {
  systemctl stop syslog.socket rsyslog 2>/dev/null || true # not every Ubuntu has it
  find /var/log -type f '(' -name syslog -o -name '*.log' ')' ! -path '/var/log/apt/*' ! -name dpkg.log -exec truncate -s 0 {} +
}

bake
! declare -F agent >/dev/null || step 'install the log agent' agent
echo "$IMAGE" | put 0644 /etc/app/image
step 'forget the logs' forget
