"""Command line of the generator: ``python -m ops_assets.dongchen --landing DIR --truth FILE``."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import date
from pathlib import Path

from ops_assets.dongchen.feed import local
from ops_assets.dongchen.generate import generate
from resources.clock import SystemClock


def main(arguments: list[str] | None = None) -> int:
    """Run the generator; returns the exit code. Progress and errors go to standard error."""
    parser = argparse.ArgumentParser(
        prog="python -m ops_assets.dongchen", description="Write the sample company's exports."
    )
    parser.add_argument("--landing", type=Path, required=True, help="folder to write the exports into; new or empty")
    parser.add_argument("--truth", type=Path, help="file for the true figures; keep it outside the landing folder")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--scale", type=float, default=0.1, help="1 is about 50,000 order lines a year")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--until", type=date.fromisoformat, help="last day, YYYY-MM-DD; default: today in Shanghai")
    parser.add_argument("--faults", choices=("all", "none"), default="all")
    options = parser.parse_args(arguments)
    until = options.until
    if until is None:
        until = local(SystemClock().now()).date()
    started = time.monotonic()

    def progress(sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)

    try:
        generate(
            options.landing,
            options.truth,
            seed=options.seed,
            scale=options.scale,
            days=options.days,
            until=until,
            faults=options.faults,
            progress=progress,
        )
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"sample company: written to {options.landing} in {time.monotonic() - started:.1f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
