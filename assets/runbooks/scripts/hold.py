def main(events, _context):
    """Creates the schedule that sends the switch's metric, if it is not there yet."""
    scheduler = boto3.client("scheduler")
    try:
        scheduler.create_schedule(
            GroupName=events["ScheduleGroup"],
            Name=events["Schedule"],
            Description=events["Description"],
            ScheduleExpression="rate(1 minute)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": "arn:aws:scheduler:::aws-sdk:cloudwatch:putMetricData",
                "RoleArn": events["RoleArn"],
                "Input": json.dumps(events["Signal"]),
                # A value that comes late is worth nothing, and would outlast a release.
                "RetryPolicy": {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 3},
            },
        )
    except scheduler.exceptions.ConflictException:
        pass  # an earlier run's
