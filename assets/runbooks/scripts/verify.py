PATIENCE = datetime.timedelta(minutes=9)


def main(events, _context):
    """Waits until this region's API writes, and its web tier has a healthy server."""
    begun = now()
    while True:
        api, said = ask(events["Api"])
        web, servers = healthy(events["WebTargets"])
        report = f"{in_words(events['Api'], api, said)}\nweb tier: {web} of {servers} servers healthy"
        if api == 200 and web and said.get("database", "writable") == "writable" and said.get("writer", True):
            return {"Report": report}
        if now() - begun > PATIENCE:
            raise Stop(f"The database is promoted and the traffic held here, but the region does not serve writes:\n{report}")
        time.sleep(10)
