PATIENCE = datetime.timedelta(minutes=7)  # of ten: what is asked last may be slow to answer


def main(events, _context):
    """Waits until the other region writes no more and all it wrote is here."""
    begun = now()
    while writes := still_writes(events["OtherApi"], begun):
        give_up(events, begun, writes)
    fenced = now()
    while True:
        # Each a minute that began after the last write.
        last = lags(events["Database"], fenced)[-2:]
        if len(last) == 2 and all(lag == 0 for _, lag in last):
            return {"Findings": f"No write since {clock(fenced)}; the replica's lag is 0 in two whole minutes since."}
        seen = ", ".join(f"{lag:.0f}" for _, lag in last) or "none reported"
        give_up(events, begun, f"the lag of {events['Database']} is not 0 in two minutes after the last write (seconds: {seen})")


def still_writes(url, begun):
    """Why the other region may still take writes; asked ten times, since each
    answer is one server's."""
    for _ in range(10):
        status, said = ask(url)
        if status != 200:
            return f"{url} does not answer as it should ({said.get('error', status)}), so that it takes no writes is not known"
        if said.get("writer", said.get("database") == "writable"):
            return f"{url} says that it still takes writes"
        if now() - begun > PATIENCE:
            return f"{url} is too slow to be asked ten times, so that it takes no writes is not known"
    return ""


def give_up(events, begun, reason):
    if now() - begun > PATIENCE:
        raise Stop(f"After {PATIENCE.seconds // 60} minutes {reason}. Nothing was promoted; the traffic is held here: run this again, or {events['GiveUp']}.")
    time.sleep(15)
