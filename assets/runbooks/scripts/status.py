def main(events, _context):
    """Reports each thing by itself: what cannot be read must not hide the rest."""
    report = []

    def say(subject, read, *args):
        try:
            lines = read(*args)
        except Exception as error:
            lines = [f"not readable: {error}"]
        report.extend(f"{subject:<9} {line}" for line in lines)

    say("database", database, events)
    say("traffic", traffic, events)
    say("clients", answer, events["Clients"])
    for tier in events["Tiers"]:
        say(tier["Name"], servers, tier)
    say("api", answer, events["Api"])
    say("retired", retired, events)
    return {"Report": "\n".join(report)}


def database(events):
    name = events["Database"]
    instance = describe(name)
    role = f"a replica of {source(instance)}" if source(instance) else "the writer"
    zones = "two zones" if instance["MultiAZ"] else "one zone"
    if instance.get("PendingModifiedValues", {}).get("MultiAZ"):
        zones += ", two are pending"
    lines = [f"{name} is {role}, {instance['DBInstanceStatus']}, in {zones}"]
    if source(instance):
        points = lags(name, now() - datetime.timedelta(minutes=15))
        if not points:
            lines.append("has reported no lag for 15 minutes: replication may have stopped")
        else:
            at, lag = points[-1]
            lines.append(f"lag {lag:.0f} s at {clock(at)}" if lag >= 0 else f"replicates no longer, at {clock(at)}")
    return lines


def traffic(events):
    held = "held here by its schedule" if is_held(events) else "not held here"
    alarm = boto3.client("cloudwatch").describe_alarms(AlarmNames=[events["Alarm"]])["MetricAlarms"][0]
    lines = [f"{held}; the switch is {alarm['StateValue']} since {clock(alarm['StateUpdatedTimestamp'])}"]
    if is_held(events) and not source(describe(events["Database"])):
        lines.append("the writer's region needs a hold until the roles are swapped and deployed; then run return with RolesSwapped=true")
    return lines


def servers(tier):
    groups = boto3.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[tier["Group"]])
    group = groups["AutoScalingGroups"][0]
    well, _ = healthy(tier["Targets"])
    running = sum(instance["LifecycleState"] == "InService" for instance in group["Instances"])
    return [f"{running} servers in service, {well} healthy; {group['DesiredCapacity']} wanted, {group['MinSize']} to {group['MaxSize']} allowed"]


def answer(url):
    return [in_words(url, *ask(url))]


def retired(events):
    pages = boto3.client("rds").get_paginator("describe_db_instances").paginate()
    instances = [instance for page in pages for instance in page["DBInstances"]]
    tag = {"Key": "deployment", "Value": events["Deployment"]}
    names = [i["DBInstanceIdentifier"] for i in instances if tag in i.get("TagList", []) and i["DBInstanceIdentifier"] != events["Database"]]
    return [f"{name}: rescue the writes that were never replicated, then make retire INSTANCE={name}" for name in sorted(names)] or ["none"]
