"""All measurements of the process: steps, due timers, clicks and boards, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import process_gateway, process_scans, process_steps

_CASES, _CLICKS, _BOARD_CASES = 400, 1_000, 100_000


@dataclass
class ProcessTimes:
    """What was measured of each part."""

    steps: process_steps.StepRates
    scans: process_scans.ScanTimes
    gateway: dict[str, process_gateway.GatewayTimes]


def measure(work: Path, repetitions: int, *, quick: bool, say: Callable[[str], None]) -> ProcessTimes:
    """Measure every part; ``quick`` takes a twentieth of the cases and tasks."""
    share = 20 if quick else 1
    return ProcessTimes(
        process_steps.measure(work / "steps", _CASES // share, repetitions, say),
        process_scans.measure(work / "scans", tuple(size // share for size in process_scans.OPEN), say),
        process_gateway.measure(work / "gateway", _CLICKS // share, _BOARD_CASES // share, say),
    )


def process_text(times: ProcessTimes) -> str:
    """One table for each part."""
    return "\n\n".join(
        (
            process_steps.steps_text(times.steps),
            process_scans.scans_text(times.scans),
            process_gateway.gateway_text(times.gateway),
        )
    )


def process_json(times: ProcessTimes) -> dict[str, Any]:
    """Every single value."""
    return {
        "steps": process_steps.steps_json(times.steps),
        "scans": process_scans.scans_json(times.scans),
        "gateway": process_gateway.gateway_json(times.gateway),
    }
