"""Kills processes of a running demo and starts it again; the loop must close all the same, with one case.

Not collected by pytest itself: tests/faults/test_demo_survives_kills.py runs it with few kills, the soak with many.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent.parent
STACK_VARIABLE = "TRUELOOP_STACK_HOME"


@dataclass
class Outcome:
    """How the demo ended after its kills. ``victims`` are the command lines that were killed."""

    code: int
    output: str
    victims: list[str]


def demo_environment(home: Path, first_port: int) -> dict[str, str]:
    """A demo of its own: folder and ports."""
    return {
        **os.environ,
        "TRUELOOP_HOME": str(home),
        "TRUELOOP_GATEWAY_PORT": str(first_port),
        "TRUELOOP_DAGSTER_PORT": str(first_port + 1),
        "TRUELOOP_CODE_PORT": str(first_port + 2),
    }


def run_with_kills(home: Path, *, kills: int, seed: int, first_port: int, within: tuple[float, float]) -> Outcome:
    """Run the demo; ``kills`` times, after a random while, kill -9 a random process of it."""
    chance = random.Random(seed)
    environment = demo_environment(home, first_port)
    victims: list[str] = []
    log = home.parent / "demo_output.log"
    for turn in range(kills + 1):
        with log.open("ab") as output:
            demo = subprocess.Popen(
                [sys.executable, "-m", "gateway.demo"],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if turn == kills:
            code = demo.wait(timeout=1500)
            return Outcome(code, log.read_text(encoding="utf-8"), victims)
        try:
            code = demo.wait(timeout=chance.uniform(*within))
            return Outcome(code, log.read_text(encoding="utf-8"), victims)
        except subprocess.TimeoutExpired:
            victims.append(_kill_one(chance, demo.pid, home))
        # A demo that lost one of its services notices; it is ended as a person would, and started again.
        if demo.poll() is None:
            time.sleep(2)
            demo.send_signal(signal.SIGINT)
            try:
                demo.wait(timeout=90)
            except subprocess.TimeoutExpired:
                demo.kill()
                demo.wait()
    raise AssertionError("unreachable")


def cases_of(home: Path) -> list[str]:
    """Ids of all supply exceptions in the state folder, read through the command line."""
    answer = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "cases", "list", "--template", "supply_exception", "--json"],
        cwd=ROOT,
        env={**os.environ, "TRUELOOP_HOME": str(home), "TRUELOOP_CLOCK": "shifted"},
        capture_output=True,
        text=True,
        check=True,
    )
    return [case["case_id"] for case in json.loads(answer.stdout)]


def _kill_one(chance: random.Random, demo: int, home: Path) -> str:
    found = [psutil.Process(demo)]
    for process in psutil.process_iter():
        try:
            if process.environ().get(STACK_VARIABLE) == str(home) or process.ppid() == demo:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    victim = chance.choice(found)
    name = " ".join(victim.cmdline())[:160]
    victim.kill()
    return name


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    result = run_with_kills(
        folder / "home", kills=int(sys.argv[2]), seed=int(sys.argv[3]), first_port=8480, within=(10, 90)
    )
    print(result.output)
    print(result.victims, result.code, cases_of(folder / "home"))
