# Stands before each of the other scripts, which aws:executeScript runs alone.
import datetime
import json
import time
import urllib.error
import urllib.request

import boto3


class Stop(Exception):
    """Why the runbook does not go on, for the operator."""


def now():
    return datetime.datetime.fromtimestamp(time.time(), datetime.timezone.utc)


def clock(moment):
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def describe(database):
    return boto3.client("rds").describe_db_instances(DBInstanceIdentifier=database)["DBInstances"][0]


def source(instance):
    """What a replica copies from; nothing of a writer."""
    return instance.get("ReadReplicaSourceDBInstanceIdentifier", "")


def is_held(events):
    """Whether the schedule is there that holds the traffic on this region."""
    scheduler = boto3.client("scheduler")
    try:
        scheduler.get_schedule(GroupName=events["ScheduleGroup"], Name=events["Schedule"])
    except scheduler.exceptions.ResourceNotFoundException:
        return False
    return True


def lags(database, since):
    """The replica's lag, minute by minute, oldest first. It is -1, or missing,
    while the replica does not replicate."""
    points = boto3.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/RDS",
        MetricName="ReplicaLag",
        Dimensions=[{"Name": "DBInstanceIdentifier", "Value": database}],
        StartTime=since,
        EndTime=now(),
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    return sorted((p["Timestamp"], p["Maximum"]) for p in points if p["Timestamp"] >= since)


def healthy(targets):
    """How many of a target group's servers are healthy, and how many it has."""
    found = boto3.client("elbv2").describe_target_health(TargetGroupArn=targets)["TargetHealthDescriptions"]
    return sum(target["TargetHealth"]["State"] == "healthy" for target in found), len(found)


def ask(url):
    """An answer's status and, if it is a JSON object, what it says."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            status, body = response.status, response.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    except OSError as error:
        return 0, {"error": str(error)}
    try:
        said = json.loads(body)
    except ValueError:
        said = {}
    return status, said if isinstance(said, dict) else {}


def in_words(url, status, said):
    """The same for people."""
    if not status:
        return f"{url} does not answer: {said['error']}"
    details = [f"{key} {said[key]}" for key in ("region", "database", "writer") if key in said]
    return f"{url} answers {status}" + (f" ({', '.join(details)})" if details else "")
