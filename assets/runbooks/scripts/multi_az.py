PATIENCE = datetime.timedelta(minutes=9)


def main(events, _context):
    """Orders the second zone, unless it is there or on its way, once RDS takes orders."""
    begun = now()
    while True:
        instance = describe(events["Database"])
        if instance["MultiAZ"] or instance.get("PendingModifiedValues", {}).get("MultiAZ"):
            return
        status = instance["DBInstanceStatus"]
        if status == "available":
            break
        if now() - begun > PATIENCE:
            raise Stop(f"{events['Database']} serves, but is {status} and takes no second zone yet: run this again by day.")
        time.sleep(10)
    boto3.client("rds").modify_db_instance(DBInstanceIdentifier=events["Database"], MultiAZ=True, ApplyImmediately=True)
