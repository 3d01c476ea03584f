"""Histories of the sample company for the benchmarks: generated once into a cache, then copied.

A history ends on a fixed day, so that every run measures the same bytes. Beside it lie the files of the days that
follow, as the live feed writes them. Some rows of the history are held back, to arrive late.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ops_assets.dongchen.feed import emit_slice
from ops_assets.dongchen.generate import generate

UNTIL = date(2025, 12, 31)
SEED = 7
LATE_ROWS = 100
MOST_REPETITIONS = 5
_LATE_FILES = "wms/deliveries_????-??-??.csv"
_OLD_DAYS = 60


def end_of(day: int) -> datetime:
    """23:59 in Shanghai, ``day`` days after the last day of the history."""
    return datetime(UNTIL.year, UNTIL.month, UNTIL.day, 15, 59, tzinfo=UTC) + timedelta(days=day)


@dataclass(frozen=True)
class Sample:
    """One cached history. ``following`` are the folders with the files of the days after it."""

    scale: float
    days: int
    landing: Path
    following: tuple[Path, ...]

    def copy_history(self, landing: Path, late: Path, batches: int) -> None:
        """Copy the history into ``landing``, but ``LATE_ROWS`` deliveries for each batch into ``late`` instead."""
        shutil.copytree(self.landing, landing)
        until = f"{UNTIL - timedelta(days=_OLD_DAYS)}"
        old = [path for path in sorted(landing.glob(_LATE_FILES)) if path.stem.rsplit("_", 1)[1] <= until]
        first_file = (len(old) - batches) // 2
        for batch, path in enumerate(old[first_file : first_file + batches]):
            header, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            count = min(LATE_ROWS, len(lines) // 2)
            first = (len(lines) - count) // 2
            kept = lines[:first] + lines[first + count :]
            path.write_text(header + "".join(kept), encoding="utf-8")
            target = late / str(batch) / path.relative_to(landing).with_name(f"{path.stem}_part9.csv")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(header + "".join(lines[first : first + count]), encoding="utf-8")


def prepare(cache: Path, scale: float, days: int, following: int, say: Callable[[str], None]) -> Sample:
    """Generate the history and ``following`` days after it, unless the cache has them."""
    folder = cache / f"scale-{scale:g}-{days}-days-{UNTIL}"
    landing = folder / "landing"
    if not landing.exists():
        say(f"generating {days} days at scale {scale:g}")
        generate(landing, None, seed=SEED, scale=scale, days=days, until=UNTIL)
    slices = []
    for day in range(1, following + 1):
        files = folder / f"day-{day}"
        state = folder / f"feed-{day}.json"
        if not state.exists():
            say(f"generating day {day} after the history at scale {scale:g}")
            beside = folder / "feed-writing.json"
            if day == 1:
                beside.unlink(missing_ok=True)
            else:
                shutil.copyfile(folder / f"feed-{day - 1}.json", beside)
            emit_slice(
                files,
                beside,
                seed=SEED,
                scale=scale,
                start=UNTIL - timedelta(days=days - 1),
                from_instant=end_of(0) + timedelta(minutes=1),
                to_instant=end_of(day),
            )
            beside.rename(state)
        slices.append(files)
    return Sample(scale, days, landing, tuple(slices))


def add_files(source: Path, landing: Path) -> int:
    """Copy new files into the landing folder; returns how many."""
    files = [path for path in sorted(source.rglob("*")) if path.is_file()]
    for path in files:
        target = landing / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return len(files)
