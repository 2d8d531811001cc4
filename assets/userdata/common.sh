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
