"""One thing that happens at the sample company: a supplier delivers late, so that a first visitor sees a case open.

Run by the feed once the first figures are published: `python -m gateway.sample_story`. Telling it twice changes
nothing, since the event has a fixed id.
"""

from __future__ import annotations

import json

from ops_assets.ingestion.inbox import accept
from resources.platform import Platform
from resources.settings import load_settings


def main() -> None:
    platform = Platform(load_settings())
    home = platform.settings.home
    event = json.loads((home / "sample.json").read_text(encoding="utf-8"))["story"]["event"]
    body = {"event_id": event["event_id"], "table": event["table"], "row": event["row"]}
    accept(platform.ops_engine, event["source"], [body], platform.clock)
    (home / "sample_story_told").touch()
    print(f"A supplier delivered late: event {event['event_id']}", flush=True)


if __name__ == "__main__":
    main()
