def main(events, _context):
    """Deletes the schedule that holds the traffic, if it is still there."""
    scheduler = boto3.client("scheduler")
    try:
        scheduler.delete_schedule(GroupName=events["ScheduleGroup"], Name=events["Schedule"])
    except scheduler.exceptions.ResourceNotFoundException:
        pass  # an earlier run's work
