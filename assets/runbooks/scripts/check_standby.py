def main(events, _context):
    """Stops in a region that has nothing to hold."""
    database = events["Database"]
    instance = describe(database)
    if source(instance):
        return {"Findings": f"{database} is a replica of {source(instance)}: here, reads will work and writes will not."}
    if is_held(events):
        return {"Findings": f"{database} is the writer, and the traffic is held here already."}
    raise Stop(f"Wrong region: {database} is the writer, so the traffic is here by itself. Run this in the standby's region. Nothing was changed.")
