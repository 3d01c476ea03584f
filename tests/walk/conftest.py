"""One whole stack for the walk: Dagster with daemon, gateway, embedded Slack, as `make demo` starts them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.demo import environment, start_stack, stop_stack, wait_ready
from gateway.demo_walk import Walk
from resources.settings import load_settings


@dataclass
class Walked:
    """The walk and the lines that it printed so far, by the number of the stop."""

    walk: Walk
    lines: list[str] = field(default_factory=list)

    def said(self, stop: int) -> str:
        return "\n".join(line for line in self.lines if line.startswith(f"{stop:>2}  "))


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on right now."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walked]:
    """The stack on a fresh state folder; stopped, with everything it started, at the end of the module."""
    home: Path = tmp_path_factory.mktemp("walk") / "home"
    gateway, dagster, code = free_ports(3)
    with pytest.MonkeyPatch.context() as patch:
        wanted = {
            "TRUELOOP_HOME": str(home),
            "TRUELOOP_GATEWAY_PORT": str(gateway),
            "TRUELOOP_DAGSTER_PORT": str(dagster),
            "TRUELOOP_CODE_PORT": str(code),
        }
        environment(wanted)
        for name, value in wanted.items():
            patch.setenv(name, value)
        settings = load_settings()
        stack = start_stack(settings)
        try:
            wait_ready(settings, stack)
            lines: list[str] = []
            walk = Walk(settings, say=lines.append)
            yield Walked(walk, lines)
            walk.close()
        finally:
            stop_stack(stack)
