"""One full refresh, then refreshes by one day's files and by late rows, stage by stage beside bare DuckDB.

The stages are called as the Dagster assets call them, in this process and with dbt and Dagster already imported; what
starting a run adds is measured by the whole command.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from benchmarks.bare import BareRun, CopyOfState, contents, read_files
from benchmarks.sample import UNTIL, Sample, add_files, end_of
from benchmarks.sql_log import LoggedPlatform, SqlLog
from ops_assets.landing import land, landing_tables
from ops_assets.refresh import audit_and_publish, build, load_definitions
from resources.clock import FixedClock
from resources.settings import PROJECT_ROOT, Settings

LANDING, BUILD, DOCS, PUBLICATION, ALL = "landing", "build", "dbt docs", "audit, publish", "all stages"
STAGES = (LANDING, BUILD, DOCS, PUBLICATION, ALL)
FULL, DAY, LATE = "full", "one day", "late rows"
CASES = (FULL, DAY, LATE)
_HELD_BACK = 3


@dataclass
class Stage:
    """Seconds of one stage, one value for each repetition; ``bare`` is empty where DuckDB alone has no such work."""

    seconds: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    by_kind: list[dict[str, float]] = field(default_factory=list)


@dataclass
class RefreshTimes:
    """All measured at one scale. ``facts`` say by case how much work it was; ``command`` is ./trueloop refresh."""

    scale: float
    days: int
    stages: dict[tuple[str, str], Stage] = field(default_factory=lambda: defaultdict(Stage))
    facts: dict[str, str] = field(default_factory=dict)
    command: list[float] = field(default_factory=list)


def measure(sample: Sample, work: Path, repeat: int, say: Callable[[str], None]) -> RefreshTimes:
    """Measure ``repeat`` full refreshes, each on an empty state folder, then as many incremental ones of each kind.

    Raises RuntimeError when a model failed or the bare run ended with other rows.
    """
    times = RefreshTimes(sample.scale, sample.days)
    installation = None
    for number in range(repeat):
        shutil.rmtree(work, ignore_errors=True)
        say(f"scale {sample.scale:g}: full refresh {number + 1} of {repeat}")
        installation = _Installation(sample, work, times, late_batches=repeat)
        installation.refresh(FULL, 0)
    if installation is None:
        return times
    for number in range(repeat):
        say(f"scale {sample.scale:g}: one day's files, then late rows, {number + 1} of {repeat}")
        add_files(sample.following[number], installation.landing)
        installation.refresh(DAY, number + 1)
        add_files(work / "late" / str(number), installation.landing)
        installation.refresh(LATE, number + 1)
    for number in range(repeat):
        say(f"scale {sample.scale:g}: ./trueloop refresh {number + 1} of {repeat}")
        day = repeat + number + 1
        add_files(sample.following[day - 1], installation.landing)
        times.command.append(_command(installation.home, day))
    shutil.rmtree(work, ignore_errors=True)
    return times


class _Installation:
    """A state folder that is refreshed in this process, with everything noted."""

    def __init__(self, sample: Sample, work: Path, times: RefreshTimes, *, late_batches: int) -> None:
        self.home = work / "home"
        self.landing = self.home / "landing"
        self._copy = work / "bare"
        self._times = times
        self._clock = FixedClock(end_of(0))
        self._log = SqlLog()
        sample.copy_history(self.landing, work / "late", late_batches)
        settings = Settings(home=self.home, source_pack="dongchen", source_dir=None, database_url="", as_of="")
        self._platform = LoggedPlatform(settings, self._clock, self._log)
        self._platform.claim_state_folder()
        self._definitions = load_definitions(self._platform)
        self._known: set[Path] = set()

    def refresh(self, case: str, day: int) -> None:
        self._clock.advance(end_of(day) - self._clock.now())
        total, bare_total = 0.0, 0.0
        for seconds, bare in (self._land(case), self._build(case), self._publish(case)):
            total, bare_total = total + seconds, bare_total + bare
        stage = self._times.stages[case, ALL]
        stage.seconds.append(total)
        stage.bare.append(bare_total)

    def _land(self, case: str) -> tuple[float, float]:
        files = [path for path in sorted(self.landing.rglob("*")) if path.is_file() and path not in self._known]
        self._known.update(files)
        began = time.perf_counter()
        report = land(self._platform)
        seconds = time.perf_counter() - began
        unreadable = {self.landing / file.path for file in report.ingestion.set_aside}
        readable = [path for path in files if path not in unreadable]
        bare = read_files(landing_tables(self._platform), readable, self.landing, self._copy.with_suffix(".duckdb"))
        self._log.take()
        self._times.facts[case] = f"{report.ingestion.rows_in:,} rows in {len(files):,} files"
        return self._note(case, LANDING, seconds, BareRun(bare, {}))

    def _build(self, case: str) -> tuple[float, float]:
        before = CopyOfState(self.home, self._copy)
        self._log.docs_seconds = 0.0
        began = time.perf_counter()
        report = build(self._platform, self._definitions)
        seconds = time.perf_counter() - began
        statements = self._log.take()
        failed = [result.unique_id for result in report.results if result.failed]
        if failed:
            raise RuntimeError(f"these did not build: {', '.join(failed)}")
        self._times.facts[case] += f", {len(report.results)} models and tests run"
        bare = before.repeat(statements)
        mine, theirs = contents(self._platform.settings.warehouse_path), contents(before.warehouse)
        different = sorted(name for name in mine if mine[name] != theirs.get(name))
        if different:
            raise RuntimeError(f"the bare run ended with other rows in {', '.join(different)}")
        docs = self._log.docs_seconds
        if docs:
            self._times.stages[case, DOCS].seconds.append(docs)
        took = self._note(case, BUILD, seconds - docs, bare)
        return took[0] + docs, took[1]

    def _publish(self, case: str) -> tuple[float, float]:
        before = CopyOfState(self.home, self._copy)
        began = time.perf_counter()
        _, published = audit_and_publish(self._platform, self._definitions)
        seconds = time.perf_counter() - began
        if published is None:
            raise RuntimeError("nothing was published")
        self._times.facts[case] += (
            f", {published.parts_written} months of metrics written and {published.reused_parts} taken over"
        )
        return self._note(case, PUBLICATION, seconds, before.repeat(self._log.take()))

    def _note(self, case: str, name: str, seconds: float, bare: BareRun) -> tuple[float, float]:
        stage = self._times.stages[case, name]
        stage.seconds.append(seconds)
        stage.bare.append(bare.seconds)
        stage.by_kind.append(dict(bare.by_kind))
        return seconds, bare.seconds


def _command(home: Path, day: int) -> float:
    environment = {
        **os.environ,
        "TRUELOOP_HOME": str(home),
        "TRUELOOP_SOURCE_PACK": "dongchen",
        "TRUELOOP_SOURCE_DIR": "",
        "TRUELOOP_DATABASE_URL": "",
        "TRUELOOP_AS_OF": str(UNTIL + timedelta(days=day)),
    }
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "refresh"],
        cwd=PROJECT_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - began
    if done.returncode not in (0, _HELD_BACK):
        raise RuntimeError(f"./trueloop refresh ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return seconds
