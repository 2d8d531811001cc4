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
