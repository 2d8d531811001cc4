PATIENCE = datetime.timedelta(minutes=9)


def main(events, _context):
    """Waits until this region answers, and its API writes."""
    begun = now()
    while True:
        (api, said), (web, _) = answers = [ask(events["Api"]), ask(events["Web"])]
        report = "\n".join(in_words(url, *given) for url, given in zip((events["Api"], events["Web"]), answers))
        if api == 200 and web == 200 and said.get("database", "writable") == "writable" and said.get("writer", True):
            return {"Report": report}
        if now() - begun > PATIENCE:
            raise Stop(f"The database is promoted and the traffic held here, but the region does not serve writes:\n{report}")
        time.sleep(10)
