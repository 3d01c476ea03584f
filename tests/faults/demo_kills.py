"""Kills processes of a running demo and starts it again; the loop must close all the same, with one case.

Not collected by pytest itself: tests/faults/test_demo_survives_kills.py runs it with few kills, the soak with many.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from gateway.demo import environment
from gateway.sample_data import write_sample
from ops_assets.landing import land
from ops_assets.refresh import audit_and_publish, build, load_definitions
from resources.platform import Platform
from resources.settings import Settings
from workflow_jobs.wiring import process_service

ROOT = Path(__file__).resolve().parent.parent.parent
STACK_VARIABLE = "TRUELOOP_STACK_HOME"
# What the walk says at its stops: the first line stands after the event was posted, the last when all is done.
STOP_LINES = 17
_STOP_LINE = re.compile(rb"^[ 1]\d  ", re.MULTILINE)
_LONGEST_WALK = 1500


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


def refreshed_home(home: Path, built: Path) -> None:
    """The state folder of a demo that was stopped after its first refresh, from a ``built`` one without a row."""
    shutil.copytree(built, home, symlinks=True)
    platform = _platform(home)
    write_sample(platform, lambda _: None)
    definitions = load_definitions(platform)
    land(platform)
    build(platform, definitions)
    audit_and_publish(platform, definitions)
    platform.ops_engine.dispose()


def run_with_kills(
    home: Path, *, kills: int, seed: int, first_port: int, within: tuple[float, float] | None = None
) -> Outcome:
    """Run the demo; ``kills`` times, kill -9 a random process of it and start it again.

    The moment is a random while in seconds ``within`` these bounds; without bounds, a little after a random stop.
    """
    chance = random.Random(seed)
    victims: list[str] = []
    log = home.parent / "demo_output.log"
    for turn in range(kills + 1):
        before = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            demo = subprocess.Popen(
                [sys.executable, "-m", "gateway.demo"],
                cwd=ROOT,
                env=demo_environment(home, first_port),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            if turn == kills:
                demo.wait(timeout=_LONGEST_WALK)
            elif within is not None:
                demo.wait(timeout=chance.uniform(*within))
            else:
                _wait_for_stop(demo, log, before, chance.randrange(STOP_LINES))
                demo.wait(timeout=chance.uniform(0, 4))
        except subprocess.TimeoutExpired:
            if turn == kills:
                raise
            victims.append(_kill_one(chance, demo.pid, home))
            _end(demo)
        else:
            return Outcome(demo.returncode, log.read_text(encoding="utf-8"), victims)
    raise AssertionError("unreachable")


def cases_of(home: Path) -> list[str]:
    """Ids of all supply exceptions in the state folder."""
    platform = _platform(home)
    found = process_service(platform).cases(template="supply_exception")
    platform.ops_engine.dispose()
    return [case.case_id for case in found]


def _platform(home: Path) -> Platform:
    chosen: dict[str, str] = {}
    environment(chosen)
    values = {name.removeprefix("TRUELOOP_").lower(): value for name, value in chosen.items()}
    return Platform(Settings.model_validate({**values, "home": home}))


def _wait_for_stop(demo: subprocess.Popen[bytes], log: Path, before: int, stops: int) -> None:
    """Return when this start of the demo has said ``stops`` lines, or has ended. Raises nothing: it ends by itself."""
    while demo.poll() is None and len(_STOP_LINE.findall(log.read_bytes()[before:])) < stops:
        time.sleep(0.1)


def _end(demo: subprocess.Popen[bytes]) -> None:
    """A demo that lost one of its services may notice; else it is ended as a person would."""
    with suppress(subprocess.TimeoutExpired):
        demo.wait(timeout=2)
        return
    demo.send_signal(signal.SIGINT)
    try:
        demo.wait(timeout=90)
    except subprocess.TimeoutExpired:
        demo.kill()
        demo.wait()


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
