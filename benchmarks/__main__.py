"""``python -m benchmarks`` (`make bench`): measure and print; see docs/benchmarks.md."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import process, queries, reconciliation, refresh, startup
from benchmarks.report import document, growth_text, refresh_text, startup_text
from benchmarks.sample import MOST_REPETITIONS, prepare
from resources.settings import Settings

_QUICK_SCALE = 0.05
_QUICK_ROWS = 300_000
_FEWEST_DAYS = 365  # the rows that arrive late are taken from the middle of the history


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    cache: Path = options.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    def say(sentence: str) -> None:
        print(f"  [{time.monotonic() - began:6.0f} s] {sentence}", file=sys.stderr, flush=True)

    starts = None
    refreshes: list[refresh.RefreshTimes] = []
    with tempfile.TemporaryDirectory(dir=cache, prefix="work-") as folder:
        work = Path(folder)
        if options.only in (None, "startup", "memory"):
            scale = _QUICK_SCALE if options.quick else Settings.model_fields["sample_scale"].default
            starts = startup.measure(work, scale, options.repeat, memory=options.only != "startup", say=say)
            print(f"\n{startup_text(starts, scale)}\n", flush=True)
        if options.only in (None, "refresh"):
            for scale, days in ((scale, days) for scale in options.scales for days in options.days):
                sample = prepare(cache, scale, days, 2 * options.repeat, say)
                refreshes.append(refresh.measure(sample, work / "refresh", options.repeat, say))
                print(f"\n{refresh_text(refreshes[-1])}\n", flush=True)
            for larger in refreshes[1:]:
                print(f"\n{growth_text(refreshes[0], larger)}\n", flush=True)
        asked = None
        if options.only in (None, "queries"):
            asked = queries.measure(work / "queries", options.rows, options.repeat, say)
            print(f"\n{queries.queries_text(asked)}\n", flush=True)
        compared = None
        if options.only in (None, "reconciliation"):
            compared = reconciliation.measure(work / "reconciliation", options.rows, options.repeat, say)
            print(f"\n{reconciliation.reconciliation_text(compared)}\n", flush=True)
        worked = None
        if options.only in (None, "process"):
            worked = process.measure(work / "process", options.repeat, quick=options.quick, say=say)
            print(f"\n{process.process_text(worked)}\n", flush=True)
    if options.json is not None:
        every = document(starts, refreshes) | ({"queries": queries.queries_json(asked)} if asked is not None else {})
        if compared is not None:
            every["reconciliation"] = reconciliation.reconciliation_json(compared)
        if worked is not None:
            every["process"] = process.process_json(worked)
        options.json.write_text(json.dumps(every, indent=2) + "\n", encoding="utf-8")
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure and print; nothing is judged.")
    parts = ["startup", "memory", "refresh", "queries", "reconciliation", "process"]
    parser.add_argument("--only", choices=parts, help="only this part")
    parser.add_argument("--scales", type=_scales, default=(1.0, 10.0), help="sizes of the company (default: 1,10)")
    parser.add_argument(
        "--days", type=_days, default=(365,), help="lengths of the history in days, such as 365,1460 (default: 365)"
    )
    parser.add_argument(
        "--rows",
        type=int,
        default=10_000_000,
        help="fact rows for queries, and rows a side to reconcile (default: 10,000,000)",
    )
    parser.add_argument("--repeat", type=int, default=3, help=f"repetitions, 1 to {MOST_REPETITIONS} (default: 3)")
    parser.add_argument("--quick", action="store_true", help=f"scale {_QUICK_SCALE} everywhere, one repetition")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir()) / "trueloop-bench",
        help="folder for generated histories, kept for the next run (default: %(default)s)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single value to FILE")
    options = parser.parse_args(arguments)
    if options.quick:
        options.scales, options.days, options.repeat = (_QUICK_SCALE,), options.days[:1], 1
        options.rows = min(options.rows, _QUICK_ROWS)
    if not 1 <= options.repeat <= MOST_REPETITIONS:
        parser.error(f"--repeat {options.repeat} is out of range: give 1 to {MOST_REPETITIONS}")
    return options


def _scales(text: str) -> tuple[float, ...]:
    try:
        scales = tuple(float(part) for part in text.split(","))
    except ValueError:
        scales = ()
    if not scales or min(scales) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r}: give numbers above 0, separated by commas, as in 1,10")
    return scales


def _days(text: str) -> tuple[int, ...]:
    try:
        days = tuple(int(part) for part in text.split(","))
    except ValueError:
        days = ()
    if not days or min(days) < _FEWEST_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r}: give whole numbers from {_FEWEST_DAYS} on, as in 365,1460")
    return days


if __name__ == "__main__":
    sys.exit(main())
