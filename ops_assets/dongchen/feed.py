"""The live feed: the same company, going on after its history.

Belongs here: which events lie between two instants, and how a killed feed goes on without losing or repeating any.
There are no faults in the feed; the disputed item stays disputed. The supplier of the story gets no new orders.

Before files are written, the state file says up to when; so a killed feed writes the same files again, byte for byte,
before it goes on. Files are named ``<table>_<day>T<HHMM>``, with the local end of the slice (23:59 for midnight).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any

from ops_assets.dongchen.company import Company, Day, master_data
from ops_assets.dongchen.generate import newest
from ops_assets.dongchen.tables import TABLES, Event
from ops_assets.dongchen.world import build_world
from ops_assets.dongchen.writer import encode, texts, write_file

SHANGHAI = timezone(timedelta(hours=8))
"""China has known no summer time since 1991, so a fixed offset is exact and needs no time-zone data."""
STATE_NAME = ".feed.json"
_STATE_VERSION = 1


def local(instant: datetime) -> datetime:
    """The naive local time of an aware instant; ValueError for a naive one."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no time zone: give an aware instant")
    return instant.astimezone(SHANGHAI).replace(tzinfo=None)


def emit_slice(
    landing: Path,
    state_file: Path,
    *,
    seed: int,
    scale: float,
    start: date,
    from_instant: datetime,
    to_instant: datetime,
) -> list[Path]:
    """Write the events of (from, to] as small files; returns those written, parents before children.

    ``start`` is the first day of the company (that of the history), instants are aware. With a state file the slice
    begins where the last one ended, whatever ``from_instant`` says; ``to_instant`` counts down to its minute.
    Raises ValueError where the state file is damaged or belongs to another company.
    """
    return _feed(seed, scale, start).emit(landing, state_file, local(from_instant), local(to_instant))


def feed_until(landing: Path, now: datetime, *, sample: Mapping[str, Any]) -> int:
    """Feed a generated history up to ``now``; returns the number of files written.

    ``sample`` holds the arguments of the history: seed, scale, days, until (text). The feed begins after the day
    ``until`` and keeps its state in the landing folder under a name that no landing schema matches.
    """
    until = date.fromisoformat(str(sample["until"]))
    following = datetime.combine(until + timedelta(days=1), time(), SHANGHAI)
    written = emit_slice(
        landing,
        landing / STATE_NAME,
        seed=int(sample["seed"]),
        scale=float(sample["scale"]),
        start=until - timedelta(days=int(sample["days"]) - 1),
        from_instant=following,
        to_instant=now,
    )
    return len(written)


@dataclass(slots=True)
class _State:
    through: datetime
    writing: datetime | None
    stock_day: int
    """The day before which ``levels`` was the stock; 0 if it is not known."""
    levels: dict[tuple[str, str], int]


class _Feed:
    """One company, with the events of the day that was fed last."""

    def __init__(self, seed: int, scale: float, start: date) -> None:
        self._identity = {"version": _STATE_VERSION, "seed": seed, "scale": scale, "start": start.isoformat()}
        self._world = build_world(seed, scale)
        self._start = start.toordinal()
        self._company: Company | None = None
        self._day = 0
        self._events: Day = {}
        self._levels: dict[tuple[str, str], int] = {}

    def emit(self, landing: Path, state_file: Path, after: datetime, until: datetime) -> list[Path]:
        """See emit_slice; local times."""
        until = _whole_minute(until)
        state = self._read(state_file) or _State(_whole_minute(after), None, 0, {})
        written = []
        for end in (state.writing, until):
            if end is None or end <= state.through:
                continue
            state.writing = end
            self._save(state_file, state)
            for lower, upper in _days(state.through, end):
                written += self._write(landing, state, lower, upper)
            state.through, state.writing = end, None
            state.stock_day, state.levels = self._day, self._levels
            self._save(state_file, state)
        return written

    def _write(self, landing: Path, state: _State, lower: datetime, upper: datetime) -> list[Path]:
        self._go_to(lower.toordinal(), state)
        ends_day = upper.toordinal() > lower.toordinal()
        stamp = f"{lower.date().isoformat()}T{'2359' if ends_day else f'{upper:%H%M}'}"
        written = []
        for name, table in TABLES.items():
            events = [event for event in self._events.get(name, []) if lower < event.when <= upper]
            if not events:
                continue
            if table.versioned:
                events = newest(table, events)
            path = landing / table.system / f"{table.short}_{stamp}.{table.suffix}"
            content = encode(table, texts(table, [event.row for event in events]))
            if not (path.exists() and path.read_bytes() == content):
                write_file(path, content, durable=True)
                written.append(path)
        return written

    def _go_to(self, day: int, state: _State) -> None:
        if day == self._day:
            return
        if day < self._start:
            raise ValueError(f"the feed cannot go back before the first day {date.fromordinal(self._start)}")
        company = self._company
        if company is None or company.next_day > day:
            if state.stock_day and self._start <= state.stock_day <= day and state.levels:
                company = Company.resume(self._world, self._start, state.stock_day, state.levels)
            else:
                company = Company(self._world, self._start)
        while company.next_day <= day:
            self._levels = dict(company.stock.levels)
            self._events = company.run_day(disputed=True)
        self._events.update(self._new_master_data(day))
        self._company, self._day = company, day

    def _new_master_data(self, day: int) -> Day:
        before, after = master_data(self._world, day - 1), master_data(self._world, day)
        return {name: events for name, events in after.items() if _rows(events) != _rows(before[name])}

    def _read(self, state_file: Path) -> _State | None:
        try:
            saved = json.loads(state_file.read_text(encoding="utf-8"))
            if {key: saved[key] for key in self._identity} != self._identity:
                raise ValueError(
                    f"{state_file} belongs to another sample company ({saved['seed']=}, {saved['scale']=}, "
                    f"{saved['start']=}): delete it, or give the arguments of the history"
                )
            writing = saved["writing"]
            return _State(
                through=datetime.fromisoformat(saved["through"]),
                writing=None if writing is None else datetime.fromisoformat(writing),
                stock_day=int(saved["stock_day"]),
                levels={(sku, warehouse): int(level) for sku, warehouse, level in saved["levels"]},
            )
        except FileNotFoundError:
            return None
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{state_file} is damaged ({error}): delete it, the feed then begins anew") from error

    def _save(self, state_file: Path, state: _State) -> None:
        document = {
            **self._identity,
            "through": state.through.isoformat(),
            "writing": None if state.writing is None else state.writing.isoformat(),
            "stock_day": state.stock_day,
            "levels": [[sku, warehouse, level] for (sku, warehouse), level in state.levels.items()],
        }
        write_file(state_file, json.dumps(document).encode(), durable=True)


@lru_cache(maxsize=4)
def _feed(seed: int, scale: float, start: date) -> _Feed:
    """Kept between slices, so that a slice costs its events and not a year of planning."""
    return _Feed(seed, scale, start)


def _rows(events: list[Event]) -> list[Any]:
    return [event.row for event in events]


def _whole_minute(moment: datetime) -> datetime:
    """Down to the minute; 23:59 becomes 23:58, since 23:59 in a file's name stands for midnight."""
    whole = moment.replace(second=0, microsecond=0)
    return whole - timedelta(minutes=1) if (whole.hour, whole.minute) == (23, 59) else whole


def _days(after: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """(after, until] cut at midnights."""
    while after < until:
        midnight = datetime.combine(after.date() + timedelta(days=1), time())
        yield after, min(midnight, until)
        after = min(midnight, until)


def main(arguments: list[str] | None = None) -> int:
    """Write one slice from the command line; prints the number of files."""
    parser = argparse.ArgumentParser(
        prog="python -m ops_assets.dongchen.feed", description="Feed the sample company's new events."
    )
    parser.add_argument("--landing", type=Path, required=True)
    parser.add_argument("--state", type=Path, help=f"state file; default: {STATE_NAME} in the landing folder")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--start", type=date.fromisoformat, required=True, help="first day of the history")
    parser.add_argument("--from", dest="after", type=datetime.fromisoformat, required=True, help="instant with offset")
    parser.add_argument("--to", dest="until", type=datetime.fromisoformat, required=True, help="instant with offset")
    options = parser.parse_args(arguments)
    try:
        written = emit_slice(
            options.landing,
            options.state or options.landing / STATE_NAME,
            seed=options.seed,
            scale=options.scale,
            start=options.start,
            from_instant=options.after,
            to_instant=options.until,
        )
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"fed {len(written)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
