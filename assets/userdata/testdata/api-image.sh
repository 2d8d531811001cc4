#!/bin/bash
REGION='us-west-2'
HEALTH_PATH='/health'
PACKAGES='nodejs rsyslog gpg gpgv'
UNIT='app'
IMAGE='38668d9c03f1a6b1caf93b77a71553f2ac7b654f82ede79900aa63c4622f2c95'
baked_files() {
put 0644 /etc/systemd/system/app.service <<'END_OF_FILE'
[Unit]
Description=The API
After=network-online.target
Wants=network-online.target
# Never give up: the database may come back.
StartLimitIntervalSec=0

[Service]
User=app
WorkingDirectory=/srv/app/current
# The user's home: the AWS CLI wants one.
StateDirectory=app
EnvironmentFile=/etc/app/environment
ExecStart=/usr/local/lib/app/start
Restart=always
RestartSec=1
RestartSteps=5
RestartMaxDelaySec=30
# Below the 30 s that the load balancer waits for a server's last answers.
TimeoutStopSec=25
KillMode=mixed
SyslogIdentifier=app

AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=true
ProtectSystem=strict
ProtectHome=true
PrivateTmp=true
PrivateDevices=true
ProtectClock=true
ProtectControlGroups=true
ProtectHostname=true
ProtectKernelLogs=true
ProtectKernelModules=true
ProtectKernelTunables=true
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
LockPersonality=true
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0077

[Install]
WantedBy=multi-user.target
END_OF_FILE
put 0644 /etc/apt/apt.conf.d/52app <<'END_OF_FILE'
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
APT::Periodic::AutocleanInterval "7";
END_OF_FILE
put 0644 /etc/systemd/journald.conf.d/app.conf <<'END_OF_FILE'
[Journal]
SystemMaxUse=500M
MaxRetentionSec=1month
END_OF_FILE
put 0644 /etc/rsyslog.d/40-app.conf <<'END_OF_FILE'
# The API's own lines apart from the system's; rotated with them.
if $programname == 'app' then {
  action(type="omfile" file="/var/log/app.log")
  stop
}
END_OF_FILE
put 0644 /etc/logrotate.d/app <<'END_OF_FILE'
/var/log/app.log {
  daily
  rotate 7
  maxsize 100M
  missingok
  notifempty
  compress
  delaycompress
  postrotate
    /usr/lib/rsyslog/rsyslog-rotate
  endscript
}
END_OF_FILE
}

# common.sh
# Shared by a server's boot, by the build of its image and by the image's test; all
# run as root. What is baked changes nothing when it runs again, nor does a boot:
#   sudo bash /var/lib/cloud/instance/scripts/part-001
set -Eeuo pipefail
# needrestart looks through all processes after each installation: on a server that
# is just booting for nothing. The next one by unattended-upgrades wakes it again.
export AWS_DEFAULT_REGION=$REGION AWS_PAGER='' DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
STEP='start' FAILED=''

# step NAME COMMAND...: names and times a part of the boot.
step() {
  local began=$SECONDS
  STEP=$1
  shift
  echo "== $STEP"
  "$@"
  echo "== $STEP: $((SECONDS - began)) s"
}

# retry COMMAND...: six tries in about a minute, for what needs the network.
# Simple commands only: errexit is off inside a function called from here.
retry() {
  local pause
  for pause in 1 3 7 15 30; do
    "$@" && return
    echo "again in $pause s: $*"
    sleep "$pause"
  done
  "$@" || { FAILED="gave up: $*"; return 1; }
}

fail() {
  FAILED=$1
  exit 1
}
trap 'FAILED=${FAILED:-"line $LINENO: $BASH_COMMAND (exit code $?)"}' ERR

# verdict CODE WHAT says of what failed in which step it did, and why.
verdict() { (($1 == 0)) || echo "$2 FAILED in step '$STEP': ${FAILED:-exit code $1}"; }

# put MODE PATH: writes standard input, whole or not at all.
put() {
  mkdir -p "$(dirname "$2")"
  cat >"$2.new"
  chmod "$1" "$2.new"
  mv "$2.new" "$2"
}

# healthy waits until the server answers as the load balancer asks.
healthy() {
  local answer try
  for try in {1..60}; do
    answer=$(curl -fsS -o /dev/null --max-time 5 "http://127.0.0.1$HEALTH_PATH" 2>&1) && return
    sleep 2
  done
  journalctl --no-pager -n 30 -u "$UNIT"
  fail "no health after $try tries: $answer"
}

# bake.sh
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

# api.sh
# The API server: Node.js under systemd, as a user of its own.

prepare() {
  id app >/dev/null 2>&1 || useradd --system --home-dir /var/lib/app --no-create-home --shell /usr/sbin/nologin app
}

serve() {
  chown root:app /etc/app/environment
  systemctl daemon-reload
  systemctl enable app
  systemctl restart app
}

# logs.sh
# Log shipping. A server that serves but ships no logs beats none: this never
# fails the boot. An image has the agent; a server of plain Ubuntu gets it last.
AGENT=/opt/aws/amazon-cloudwatch-agent
AGENT_KEY=937616F3450B7D806CBD9725D58167303B789C72

# The agent is in no Ubuntu archive: a bucket of AWS in the region has it, signed
# with the key of this fingerprint, which only a global bucket has.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/verify-CloudWatch-Agent-Package-Signature.html
install_agent() (
  url=https://amazoncloudwatch-agent-$REGION.s3.$REGION.amazonaws.com/ubuntu/$(dpkg --print-architecture)/latest/amazon-cloudwatch-agent.deb
  cd "$(mktemp -d)" || return
  export GNUPGHOME=$PWD
  retry curl -fsS --connect-timeout 5 --max-time 60 -o key https://amazoncloudwatch-agent.s3.amazonaws.com/assets/amazon-cloudwatch-agent.gpg &&
    retry curl -fsS --connect-timeout 5 --max-time 60 -o agent.deb "$url" &&
    retry curl -fsS --connect-timeout 5 --max-time 60 -o agent.sig "$url.sig" &&
    gpg --batch --dearmor <key >key.gpg &&
    gpgv -q --status-fd 1 --keyring ./key.gpg agent.sig agent.deb >verdict &&
    grep -q "VALIDSIG $AGENT_KEY" verdict &&
    dpkg -i agent.deb &&
    rm -rf "$PWD"
)

agent() { [[ -x $AGENT/bin/amazon-cloudwatch-agent-ctl ]] || install_agent; }

ship_logs() {
  agent &&
    "$AGENT/bin/amazon-cloudwatch-agent-ctl" -a fetch-config -m ec2 -s -c file:/etc/app/agent.json ||
    echo 'WARNING: logs are not shipped'
}

# image.sh
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
