def main(events, _context):
    """Stops unless this region's database may be promoted, and says what that loses."""
    database = events["Database"]
    instance = describe(database)
    if not source(instance):
        if is_held(events):
            return {
                "State": "promoted",
                "Findings": f"{database} is the writer already, and the traffic is held here: an earlier run promoted it, this one does the rest.",
            }
        raise Stop(f"Wrong region: {database} is the writer, not a replica. Run this in the standby's region. Nothing was changed.")
    accept = str(events["AcceptDataLoss"]).lower() == "true"
    loss = expected_loss(database, int(events["MaxLagSeconds"]))
    if loss and not accept:
        raise Stop(f"{database}: {loss} Nothing was changed. A fail-over goes on all the same if told AcceptDataLoss=true.")
    return {"State": "replica", "Findings": f"{database} is a replica of {source(instance)}. {loss or 'It is up to date.'}"}


def expected_loss(database, limit):
    moment = now()
    points = lags(database, moment - datetime.timedelta(hours=3))
    known = [(at, lag) for at, lag in points if lag >= 0]
    if not known:
        return "It has reported no lag for three hours: how much it lacks is not known."
    at, lag = known[-1]
    if points[-1] == known[-1] and moment - at <= datetime.timedelta(minutes=5):
        if lag <= limit:
            return ""
        return f"It is {lag:.0f} s behind, more than {limit} s: so much would be lost."
    reached = at - datetime.timedelta(seconds=lag)
    return f"It replicates no longer, as expected if its source is down: what was written after {clock(reached)} would be lost."
