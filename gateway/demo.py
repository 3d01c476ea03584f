"""`make demo`: the loop of a supply exception, unattended, on a stack of its own; exits 0 only if the loop closed.

Every stop looks first at what is done already, so a demo that was killed at any moment goes on where it was: the event
has a fixed id, a case is opened once, a decided task stays decided. A finished demo starts over.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from gateway.demo_walk import LoopNotClosedError, Walk
from gateway.own_pages import answers
from resources.durable_files import write_json_atomically
from resources.settings import PROJECT_ROOT, Settings, load_settings

_DEFAULTS = {
    "TRUELOOP_HOME": ".trueloop-demo",
    "TRUELOOP_GATEWAY_PORT": "8280",
    "TRUELOOP_DAGSTER_PORT": "3170",
    "TRUELOOP_CODE_PORT": "4370",
    "TRUELOOP_SAMPLE_SCALE": "0.02",
    "TRUELOOP_SAMPLE_DAYS": "120",
}
# The demo's own company, feed and clock, whatever is set for the real installation.
_FORCED = {
    "TRUELOOP_SOURCE_PACK": "dongchen",
    "TRUELOOP_SOURCE_DIR": "",
    "TRUELOOP_DATABASE_URL": "",
    "TRUELOOP_FEED": "off",
    "TRUELOOP_CLOCK": "shifted",
    "TRUELOOP_AS_OF": "",
    "TRUELOOP_SLACK_BOT_TOKEN": "",
    "TRUELOOP_SLACK_SIGNING_SECRET": "",
    "TRUELOOP_SLACK_APP_TOKEN": "",
}
_START_SECONDS = 600
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Stack:
    """The running stack of the demo. ``log`` takes what the supervisor prints."""

    process: subprocess.Popen[bytes]
    log: Path


def main() -> int:
    environment(os.environ)
    settings = load_settings()
    fresh = forget_finished(settings)
    print(f"Trueloop demo in {settings.home} ({'starts' if fresh else 'goes on where it was'})", flush=True)
    # Ended as by `timeout` or a closed terminal, it must take its stack with it, which has a session of its own.
    ending = _Ending()
    for number in _ENDING:
        signal.signal(number, ending)
    stack = start_stack(settings)
    try:
        ending.interrupt_from_now()
        wait_ready(settings, stack)
        walk = Walk(settings, say=lambda line: print(line, flush=True))
        try:
            walk.all_stops()
        finally:
            walk.close()
    except LoopNotClosedError as error:
        print(f"The loop did not close: {error}", file=sys.stderr)
        print(f"Logs: {settings.home / 'logs'}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; `make demo` goes on from here.", file=sys.stderr)
        return 130
    finally:
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)
        stop_stack(stack)
    write_json_atomically(settings.home / "demo.json", {"finished": True})
    print("The loop is closed.")
    return 0


class _Ending:
    """Takes the signals that end the demo. They interrupt it only when it knows the stack that it must stop then."""

    def __init__(self) -> None:
        self._asked = self._interrupting = False

    def __call__(self, number: int, frame: object) -> None:
        self._asked = True
        if self._interrupting:
            raise KeyboardInterrupt

    def interrupt_from_now(self) -> None:
        self._interrupting = True
        if self._asked:
            raise KeyboardInterrupt


def environment(target: Any) -> None:
    """Put the demo's settings into an environment; ports, folder and size may be set from outside."""
    for name, value in _DEFAULTS.items():
        target.setdefault(name, value)
    target.update(_FORCED)


def forget_finished(settings: Settings) -> bool:
    """Remove the state of a finished demo; True when this one starts fresh."""
    if (settings.home / "demo.json").exists():
        shutil.rmtree(settings.home)
    return not settings.home.exists()


def start_stack(settings: Settings) -> Stack:
    """Start `make up`'s supervisor on the demo's settings, in a process group of its own."""
    settings.home.mkdir(parents=True, exist_ok=True)
    log = settings.home / "demo_stack.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.up"],
            cwd=PROJECT_ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Stack(process, log)


def stop_stack(stack: Stack) -> None:
    """End the stack as Ctrl-C would."""
    if stack.process.poll() is None:
        stack.process.send_signal(signal.SIGINT)
        try:
            stack.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            stack.process.kill()


def wait_ready(settings: Settings, stack: Stack) -> None:
    """Wait until the gateway says it is ready, with a line of progress every ten seconds."""
    print("Starting Dagster, the gateway and the embedded Slack; the first refresh takes a while", flush=True)
    started = said = time.monotonic()
    while not answers(f"{settings.gateway_url}/readyz"):
        if stack.process.poll() is not None:
            tail = stack.log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:]
            raise LoopNotClosedError("the stack ended by itself:\n" + "\n".join(tail))
        if time.monotonic() - started > _START_SECONDS:
            raise LoopNotClosedError(f"the stack was not ready after {_START_SECONDS} s; {_why(settings)}")
        if time.monotonic() - said >= 10:
            said = time.monotonic()
            print(f"  ... {said - started:.0f} s", flush=True)
        time.sleep(0.5)
    print(f"Ready after {time.monotonic() - started:.0f} s: {settings.gateway_url}\n", flush=True)


def _why(settings: Settings) -> str:
    try:
        answer: Mapping[str, Any] = httpx.get(f"{settings.gateway_url}/readyz", trust_env=False).json()
    except (httpx.HTTPError, ValueError) as error:
        return str(error)
    return str(answer.get("detail") or answer)


if __name__ == "__main__":
    sys.exit(main())
