PATIENCE = datetime.timedelta(minutes=9)


def main(events, _context):
    """Waits until this region answers, and its API writes."""
    begun = now()
    while True:
        report = "\n".join(answer(events[name]) for name in ("Api", "Web"))
        api, said = ask(events["Api"])
        web, _ = ask(events["Web"])
        if api == 200 and web == 200 and said.get("database", "writable") == "writable" and said.get("writer", True):
            return {"Report": report}
        if now() - begun > PATIENCE:
            raise Stop(f"The database is promoted and the traffic held here, but the region does not serve writes:\n{report}")
        time.sleep(10)
