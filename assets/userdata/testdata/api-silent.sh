#!/bin/bash
STACK='books-us-west-2'
GROUP='WebGroup1A2B3C4D'
TARGETS='arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/books/0123456789abcdef'
ARTIFACT_BUCKET='assets-111122223333-us-west-2'
ARTIFACT_KEY='0123456789abcdef.gz'
ARTIFACT_HASH='0123456789abcdef'
ENTRY='package.json'
REGION='us-west-2'
HEALTH_PATH='/health'
PACKAGES='nodejs'
UNIT='app'
IMAGE='8fd56ba99aaf4c8609670fb34648eb252e759c7650dde12b35f7cdf44badb69c'
boot_files() {
put 0755 /usr/local/lib/app/start <<'END_OF_FILE'
#!/bin/bash
# Starts the application with the database's credentials in its environment only:
# in no file, on no command line. A restart reads them anew.
set -euo pipefail
if [[ -n ${DB_SECRET_ID:-} ]]; then
  secret=$(aws secretsmanager get-secret-value --region "$AWS_REGION" --secret-id "$DB_SECRET_ID" --query SecretString --output text)
  # The parser's own error would quote the secret.
  credentials=$(printf '%s' "$secret" | node -e '
    try {
      const { username, password } = JSON.parse(require("fs").readFileSync(0, "utf8"));
      console.log([username, password].map((s) => s.toString()).join("\n") + "\n" + encodeURIComponent(password));
    } catch {
      console.error("the database secret must be JSON with a username and a password");
      process.exit(1);
    }')
  DB_USERNAME=${credentials%%$'\n'*} credentials=${credentials#*$'\n'}
  DB_PASSWORD=${credentials%%$'\n'*} DB_PASSWORD_ENCODED=${credentials#*$'\n'}
  export DB_USERNAME DB_PASSWORD DB_PASSWORD_ENCODED
fi

# The application's own variables, and its start command:
PATH=$PWD/node_modules/.bin:$PATH
exec bash -c 'node server.js'
END_OF_FILE
put 0640 /etc/app/environment <<'END_OF_FILE'
AWS_REGION="us-west-2"
PORT="80"
END_OF_FILE
}
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

# boot.sh
# The boot of a server: bakes what its image lacks, then fetches the release, starts
# it and tells CloudFormation.
LOG=/var/log/boot-app.log

# To the log, the journal and (through cloud-init) the console.
exec > >(tee -a "$LOG" >(logger --tag boot-app)) 2>&1
LOGGER=$!

instance_id() { cat /var/lib/cloud/data/instance-id; }

# signal STATUS: tells CloudFormation. A server that scaling adds finds a stack
# that waits for nothing and refuses the signal: no reason to fail.
signal() {
  local answer try
  for try in 1 2 3 4 5; do
    answer=$(aws cloudformation signal-resource --stack-name "$STACK" --logical-resource-id "$GROUP" \
      --unique-id "$(instance_id)" --status "$1" 2>&1) && return
    echo "signal $1, try $try: $answer"
    [[ $answer == *ValidationError* ]] && return
    sleep 5
  done
}

# ship does nothing where logs are not shipped: there is no logs.sh.
ship() { declare -F ship_logs >/dev/null && ship_logs; }

# The rollback that a failure starts terminates the server: its log is shipped
# before. One that serves says so first.
finish() {
  local code=$? why
  trap - ERR EXIT
  set +e
  if ((code == 0)); then
    signal SUCCESS
    ship
    echo "BOOT DONE in $SECONDS s"
  else
    why="$(verdict "$code" BOOT). Whole log: $LOG"
    echo "$why"
    ship && sleep 15 # the agent reads and sends every few seconds
    signal FAILURE
    echo "$why"
  fi
  exec >&- 2>&-
  wait "$LOGGER"
  exit "$code"
}
trap finish EXIT

# fetch_release unpacks the artifact, which must have the tier's ENTRY at its root,
# and makes it current. A release is named by its content's hash.
fetch_release() {
  local release=/srv/app/releases/$ARTIFACT_HASH new=/srv/app/new
  if [[ ! -e $release ]]; then
    rm -rf "$new"
    mkdir -p "$new" /srv/app/releases
    retry aws s3 cp --only-show-errors "s3://$ARTIFACT_BUCKET/$ARTIFACT_KEY" "$new.tar.gz"
    tar -xzf "$new.tar.gz" -C "$new" --no-same-owner --no-same-permissions
    chmod -R a+rX,go-w "$new" # the archive's own modes may shut out the server
    rm "$new.tar.gz"
    [[ -f $new/$ENTRY ]] || fail "no $ENTRY at the root of s3://$ARTIFACT_BUCKET/$ARTIFACT_KEY"
    mv "$new" "$release"
  fi
  ln -sfn "$release" /srv/app/current
}

# in_service waits until the load balancer, too, finds the server healthy: on
# its signal CloudFormation may take another one away.
in_service() {
  local state try
  for try in {1..60}; do
    state=$(aws elbv2 describe-target-health --target-group-arn "$TARGETS" --targets "Id=$(instance_id)" \
      --query 'TargetHealthDescriptions[0].TargetHealth.State' --output text 2>&1) || true
    [[ $state == healthy ]] && return
    sleep 5
  done
  fail "not healthy to the load balancer after $try tries: $state"
}

step 'write files' boot_files
# An image of another version, or none, is completed: it costs time, not the boot.
if [[ $(cat /etc/app/image 2>/dev/null) == "$IMAGE" ]]; then
  echo '== the image has the rest'
else
  bake
fi
step 'fetch the release' fetch_release
step 'start the service' serve
step 'wait for health' healthy
step 'wait for the load balancer' in_service
