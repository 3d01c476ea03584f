"""Sample data for a first start: the embedded company's history up to yesterday, and its live feed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from resources.durable_files import write_json_atomically
from resources.platform import Platform
from resources.settings import PROJECT_ROOT, Settings, load_settings

SAMPLE_PACK = "dongchen"


def wants_sample(platform: Platform) -> bool:
    """True when the embedded company is chosen and its landing folder holds nothing yet."""
    settings = platform.settings
    if platform.pack.name != SAMPLE_PACK or settings.source_dir is not None:
        return False
    return not settings.landing_dir.exists() or not any(settings.landing_dir.iterdir())


def write_sample(platform: Platform, progress: Callable[[str], None]) -> None:
    """Generate the history. The folder appears whole: a killed generation leaves none behind and is simply redone."""
    from ops_assets.dongchen.generate import generate

    settings = platform.settings
    building = settings.home / "landing.building"
    shutil.rmtree(building, ignore_errors=True)
    # Up to yesterday: today's events come from the feed, hour by hour, as they would from a live company.
    until = platform.as_of() - timedelta(days=1)
    generate(
        building,
        settings.home / "sample_truth.json",
        seed=settings.sample_seed,
        scale=settings.sample_scale,
        days=settings.sample_days,
        until=until,
        faults="all",
        progress=progress,
    )
    write_json_atomically(
        settings.home / "sample.json",
        {
            "seed": settings.sample_seed,
            "scale": settings.sample_scale,
            "days": settings.sample_days,
            "until": until.isoformat(),
            "story": json.loads((settings.home / "sample_truth.json").read_text(encoding="utf-8"))["story"],
        },
    )
    if settings.landing_dir.exists():
        settings.landing_dir.rmdir()
    building.rename(settings.landing_dir)


def feed_forever(platform: Platform) -> None:
    """Write the sample company's new events every few seconds of the clock, as a live company would."""
    from ops_assets.dongchen.feed import feed_until

    settings = platform.settings
    description = settings.home / "sample.json"
    if platform.pack.name != SAMPLE_PACK or not description.exists():
        print("The feed belongs to the sample company; there is none here, so there is nothing to feed.", flush=True)
        while True:
            time.sleep(3600)
    sample = json.loads(description.read_text(encoding="utf-8"))
    while True:
        if (settings.serving_dir / "current.json").exists() and not _story_told(settings).exists():
            # In a process of its own: ingestion's imports would stay in this long-lived one.
            subprocess.run([sys.executable, "-m", "gateway.sample_story"], cwd=PROJECT_ROOT, check=True)
        written = feed_until(settings.landing_dir, platform.clock.now(), sample=sample)
        if written:
            print(f"fed {written} files", flush=True)
        time.sleep(settings.feed_interval_seconds)


def _story_told(settings: Settings) -> Path:
    return settings.home / "sample_story_told"


def main() -> None:
    try:
        feed_forever(Platform(load_settings()))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
