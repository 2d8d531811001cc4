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
