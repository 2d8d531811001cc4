PATIENCE = datetime.timedelta(minutes=9)


def main(events, _context):
    """Waits until each tier has as many healthy servers as a primary's has at least."""
    begun = now()
    while True:
        found = [(tier, healthy(tier["Targets"])[0]) for tier in events["Tiers"]]
        few = [f"{tier['Name']} has {well} of {tier['Min']}" for tier, well in found if well < tier["Min"]]
        if not few:
            return
        if now() - begun > PATIENCE:
            raise Stop(f"Too few servers are healthy here: {', '.join(few)}. Nothing was promoted: run this again once they are.")
        time.sleep(10)
