"""What was measured, as tables for people and as one JSON document."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.refresh import ALL, BUILD, CASES, DAY, LANDING, LATE, PUBLICATION, STAGES, RefreshTimes
from benchmarks.spread import Spread, ratio, table
from benchmarks.startup import IDLE_SECONDS, StartTimes

_GREW_MOST = 5


def startup_text(times: StartTimes, scale: float) -> str:
    """Seconds to ready, and MB where they were measured."""
    rows = [[kind, Spread.of(values).text()] for kind, values in times.ready.items()]
    parts = [f"Start-up (sample company at scale {scale:g})\n\n" + table(["from make up to ready", "seconds"], rows)]
    for kind, found in times.memory.items():
        if found:
            peaks = times.highest[kind]
            rows = [
                [name, _mb(found, name), _mb(peaks, name)] for name in sorted({n for f in [*found, *peaks] for n in f})
            ]
            rows.append(["all", _all_mb(found).text("MB"), _all_mb(peaks).text("MB")])
            header = ["PSS, median", f"{IDLE_SECONDS} s after ready", "at the highest sum meanwhile"]
            parts.append(f"Memory, {kind}\n\n" + table(header, rows))
    return "\n\n".join(parts)


def refresh_text(times: RefreshTimes) -> str:
    """One table for each kind of refresh, each stage beside DuckDB alone."""
    parts = [f"Refresh at {_company(times)} of history"]
    for case in CASES:
        rows = []
        for name in STAGES:
            stage = times.stages.get((case, name))
            if stage is None or not stage.seconds:
                continue
            mine, bare = Spread.of(stage.seconds), Spread.of(stage.bare)
            rows.append([name, mine.text(), bare.text(), ratio(mine, bare)])
        if rows:
            parts.append(
                f"{case}: {times.facts.get(case, '')}\n\n" + table(["stage", "Trueloop", "bare DuckDB", "ratio"], rows)
            )
    if times.command:
        parts.append(f"./trueloop refresh with one day's files, from start to end: {Spread.of(times.command).text()}")
    return "\n\n".join(parts)


def growth_text(smaller: RefreshTimes, larger: RefreshTimes) -> str:
    """How an incremental refresh changes from one company to another, and which statements grew most."""
    left, right = _company(smaller), _company(larger)
    rows = []
    for case in (DAY, LATE):
        for name in (LANDING, BUILD, PUBLICATION, ALL):
            if (case, name) not in smaller.stages or (case, name) not in larger.stages:
                continue
            few, many = smaller.stages[case, name], larger.stages[case, name]
            for what, of_few, of_many in (("", few.seconds, many.seconds), (", SQL alone", few.bare, many.bare)):
                if what and name in (LANDING, ALL):
                    continue
                a, b = Spread.of(of_few), Spread.of(of_many)
                rows.append([case, name + what, a.text(), b.text(), ratio(b, a)])
    header = ["refresh", "stage", left, right, "growth"]
    parts = [f"From {left} to {right}\n\n" + table(header, rows)]
    for case in (DAY, LATE):
        for name in (BUILD, PUBLICATION):
            grown = _grown(smaller, larger, case, name)
            if grown:
                parts.append(
                    f"Grew most in {case}, {name} (seconds in DuckDB)\n\n" + table(["statements", left, right], grown)
                )
    return "\n\n".join(parts)


def document(starts: StartTimes | None, refreshes: Sequence[RefreshTimes]) -> dict[str, Any]:
    """Everything, with every single value."""
    body: dict[str, Any] = {}
    if starts is not None:
        body["startup_seconds"] = {kind: Spread.of(values).to_json() for kind, values in starts.ready.items()}
        body["memory_mb"] = {
            kind: {
                f"after_{IDLE_SECONDS}_s": _all_mb(found).to_json(),
                "highest": _all_mb(starts.highest[kind]).to_json(),
                "processes": [dict(weights) for weights in found],
                "processes_at_highest": [dict(weights) for weights in starts.highest[kind]],
            }
            for kind, found in starts.memory.items()
            if found
        }
    body["refresh"] = [
        {
            "scale": times.scale,
            "days": times.days,
            "command_seconds": Spread.of(times.command).to_json(),
            "cases": {
                case: {
                    "work": times.facts[case],
                    "stages": {
                        name: {
                            "seconds": Spread.of(stage.seconds).to_json(),
                            "bare_seconds": Spread.of(stage.bare).to_json(),
                            "bare_seconds_by_statement": stage.by_kind,
                        }
                        for (of, name), stage in times.stages.items()
                        if of == case
                    },
                }
                for case in CASES
                if case in times.facts
            },
        }
        for times in refreshes
    ]
    return body


def _mb(found: Sequence[Mapping[str, float]], name: str) -> str:
    return f"{statistics.median([weights.get(name, 0.0) for weights in found]):.0f} MB"


def _all_mb(found: Sequence[Mapping[str, float]]) -> Spread:
    return Spread.of([sum(weights.values()) for weights in found])


def _company(times: RefreshTimes) -> str:
    return f"scale {times.scale:g}, {times.days} days"


def _grown(smaller: RefreshTimes, larger: RefreshTimes, case: str, name: str) -> list[list[str]]:
    few, many = _medians(smaller, case, name), _medians(larger, case, name)
    order = sorted(many, key=lambda kind: many[kind] - few.get(kind, 0.0), reverse=True)
    return [[kind, f"{few.get(kind, 0.0):.3f}", f"{many[kind]:.3f}"] for kind in order[:_GREW_MOST]]


def _medians(times: RefreshTimes, case: str, name: str) -> dict[str, float]:
    found = times.stages[case, name].by_kind
    return {
        kind: statistics.median([run.get(kind, 0.0) for run in found]) for kind in {k for run in found for k in run}
    }
