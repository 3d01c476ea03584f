"""Starts what `make up` starts, waits until it says that it is ready, weighs its processes, and stops it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from gateway.up import STACK_VARIABLE
from resources.settings import PROJECT_ROOT

READY = "Trueloop is ready"
_TIMEOUT_SECONDS = 900
_NAMES = (
    ("gateway.up", "supervisor"),
    ("gateway.announce", "announcer"),
    ("gateway.cli", "first refresh"),
    ("gateway.sample_data", "sample feed"),
    ("dagster_webserver", "Dagster webserver"),
    ("dagster._daemon", "Dagster daemon"),
    ("dagster api grpc", "Dagster code server"),
    ("-m gateway", "gateway"),
)


@dataclass(frozen=True)
class Stack:
    """A running stack; ``seconds`` went by from its start to ready."""

    supervisor: subprocess.Popen[str]
    home: Path
    seconds: float

    def memory(self) -> Mapping[str, float]:
        """PSS in MB by kind of process. Runs that Dagster starts are ``runs and others``."""
        weights: dict[str, float] = defaultdict(float)
        for process in psutil.process_iter():
            try:
                if process.pid != self.supervisor.pid and process.environ().get(STACK_VARIABLE) != str(self.home):
                    continue
                command = " ".join(process.cmdline())
                weights[_name(command)] += process.memory_full_info().pss / 1e6
            except (psutil.Error, OSError):
                continue  # gone meanwhile, or another user's
        return dict(weights)


@contextmanager
def running(home: Path, scale: float) -> Iterator[Stack]:
    """The stack on ``home``, ready; stopped on the way out. Raises RuntimeError when it does not become ready."""
    gateway, dagster, code = free_ports(3)
    environment = {
        **os.environ,
        "TRUELOOP_HOME": str(home),
        "TRUELOOP_SOURCE_PACK": "dongchen",
        "TRUELOOP_SOURCE_DIR": "",
        "TRUELOOP_DATABASE_URL": "",
        "TRUELOOP_SAMPLE_SCALE": f"{scale:g}",
        "TRUELOOP_GATEWAY_PORT": str(gateway),
        "TRUELOOP_DAGSTER_PORT": str(dagster),
        "TRUELOOP_CODE_PORT": str(code),
    }
    # What `make install` does for the default state folder.
    subprocess.run([sys.executable, "-m", "gateway.cli", "prepare"], cwd=PROJECT_ROOT, env=environment, check=True)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        began = time.perf_counter()
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "gateway.up"],
            cwd=PROJECT_ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        ready = threading.Event()
        moment: list[float] = []

        def read() -> None:
            for line in supervisor.stdout or ():
                output.write(line)
                if READY in line:
                    moment.append(time.perf_counter())
                    ready.set()
            ready.set()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            ready.wait(_TIMEOUT_SECONDS)
            if not moment:
                output.seek(0)
                raise RuntimeError(f"the stack did not become ready:\n{output.read()}")
            yield Stack(supervisor, home, moment[0] - began)
        finally:
            _stop(supervisor)
            reader.join(timeout=5)


def _stop(supervisor: subprocess.Popen[str]) -> None:
    if supervisor.poll() is None:
        supervisor.send_signal(signal.SIGINT)
    try:
        supervisor.wait(timeout=60)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        supervisor.wait()


def free_ports(count: int) -> list[int]:
    """Ports that nobody holds; all are held open until the last is found, so that they differ."""
    held = [socket.socket() for _ in range(count)]
    try:
        for probe in held:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in held]
    finally:
        for probe in held:
            probe.close()


def _name(command: str) -> str:
    return next((name for text, name in _NAMES if text in command), "runs and others")
