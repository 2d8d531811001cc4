PATIENCE = datetime.timedelta(minutes=9)


def main(events, _context):
    """Waits until the database is available, as whatever it is or as the writer."""
    begun = now()
    while True:
        instance = describe(events["Database"])
        role = "replica" if source(instance) else "writer"
        status = instance["DBInstanceStatus"]
        if status == "available" and events["Until"] in ("available", role):
            return {"Role": role}
        if now() - begun > PATIENCE:
            raise Stop(f"{events['Database']} is still a {role} and {status}. RDS goes on by itself: run this again.")
        time.sleep(10)
