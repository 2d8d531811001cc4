def main(events, _context):
    """Stops while the hold is what keeps the old primary from being written to."""
    database = events["Database"]
    held = "held" if is_held(events) else "not held"
    if source(describe(database)):
        return {"Findings": f"{database} is a replica and the traffic is {held} here: it will follow the primary's health."}
    if str(events["RolesSwapped"]).lower() == "true":
        return {"Findings": f"{database} is the writer, the traffic is {held} here, and by your word the roles are swapped and deployed."}
    raise Stop(
        f"{database} has been promoted: releasing the traffic now would send it to the old primary, whose data is old. "
        "Swap the roles in the settings, deploy this region's stack and the global one, then say RolesSwapped=true. Nothing was changed."
    )
