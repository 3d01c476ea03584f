"""`make up` before it starts anything: what is in the way gets a sentence that says what to do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from gateway.up import STACK_VARIABLE, CannotStartError, end_leftovers, require_free_ports
from resources.settings import PROJECT_ROOT, Settings
from tests.walk.conftest import free_ports
from workflow_jobs.template_library import TEMPLATES_FOLDER


def _up(home: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    gateway, dagster, code = (str(port) for port in free_ports(3))
    environment = {
        **os.environ,
        "TRUELOOP_HOME": str(home),
        "TRUELOOP_GATEWAY_PORT": gateway,
        "TRUELOOP_DAGSTER_PORT": dagster,
        "TRUELOOP_CODE_PORT": code,
        **changes,
    }
    return subprocess.run(
        [sys.executable, "-m", "gateway.up"],
        cwd=PROJECT_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_busy_port_is_named_with_the_variable_that_moves_it(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = _up(tmp_path / "home", TRUELOOP_DAGSTER_PORT=str(port))
    assert ended.returncode == 1
    assert f"port {port} is in use" in ended.stderr
    assert f"TRUELOOP_DAGSTER_PORT={port + 1} make up" in ended.stderr


def test_a_state_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    ended = _up(tmp_path / "home")
    assert ended.returncode == 1
    assert "cannot be written" in ended.stderr
    assert "TRUELOOP_HOME" in ended.stderr


def test_a_second_supervisor_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    with FileLock(tmp_path / "home" / "up.lock"):
        ended = _up(tmp_path / "home")
    assert ended.returncode == 1
    assert "already running" in ended.stderr


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    ended = _up(tmp_path / "home", TRUELOOP_GATEWAY_PORT="many")
    assert ended.returncode == 1
    assert "TRUELOOP_GATEWAY_PORT" in ended.stderr
    assert "docs/settings.md" in ended.stderr


def test_an_unknown_pack_lists_the_known_ones(tmp_path: Path) -> None:
    ended = _up(tmp_path / "home", TRUELOOP_SOURCE_PACK="nonsense")
    assert ended.returncode == 1
    assert "adventureworks, dongchen" in ended.stderr


def test_what_a_killed_supervisor_left_behind_is_ended_and_nobody_else(tmp_path: Path) -> None:
    ours, others = (
        subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(60)"],
            env={**os.environ, STACK_VARIABLE: str(tmp_path / folder)},
        )
        for folder in ("home", "elsewhere")
    )
    try:
        deadline = time.monotonic() + 10
        while STACK_VARIABLE not in psutil.Process(ours.pid).environ() and time.monotonic() < deadline:
            time.sleep(0.05)
        end_leftovers(Settings(home=tmp_path / "home"))
        ours.wait(timeout=15)
        assert not psutil.pid_exists(ours.pid)
        assert others.poll() is None
    finally:
        for process in (ours, others):
            process.kill()
            process.wait()


def test_what_ends_only_when_killed_is_gone_before_the_ports_are_looked_at(tmp_path: Path) -> None:
    """One leftover takes no SIGTERM and holds a port; another is dead already, but its parent never asks about it."""
    (port,) = free_ports(1)
    marked = {**os.environ, STACK_VARIABLE: str(tmp_path / "home")}
    holds = (
        "import signal, socket, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"s = socket.create_server(('127.0.0.1', {port})); print('up', flush=True); time.sleep(60)"
    )
    careless = (
        "import os, subprocess, sys, time; "
        f"env = {{**os.environ, {STACK_VARIABLE!r}: {str(tmp_path / 'home')!r}}}; "
        "child = subprocess.Popen(['sleep', '60'], env=env); "
        "print(child.pid, flush=True); time.sleep(60)"
    )
    stubborn = subprocess.Popen([sys.executable, "-c", holds], env=marked, stdout=subprocess.PIPE, text=True)
    parent = subprocess.Popen([sys.executable, "-c", careless], stdout=subprocess.PIPE, text=True)
    try:
        assert stubborn.stdout is not None
        assert parent.stdout is not None
        assert stubborn.stdout.readline() == "up\n"
        child = int(parent.stdout.readline())
        settings = Settings(home=tmp_path / "home", gateway_port=port)
        began = time.monotonic()
        assert end_leftovers(settings, grace=0.5) == 2
        assert time.monotonic() - began < 5, "nobody waits for what is dead"
        require_free_ports(settings)
        assert psutil.Process(child).status() == psutil.STATUS_ZOMBIE
    finally:
        for process in (stubborn, parent):
            process.kill()
            process.communicate()


def test_a_port_that_comes_free_in_time_is_waited_for() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        settings = Settings(gateway_port=other.getsockname()[1])
        with pytest.raises(CannotStartError, match="is in use"):
            require_free_ports(settings, patience=0.1)
        timer = threading.Timer(0.3, other.close)
        timer.start()
        require_free_ports(settings, patience=10)
        timer.join()


def test_templates_with_findings_are_named_before_anything_starts(tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    for template in TEMPLATES_FOLDER.glob("*.yaml"):
        text = template.read_text(encoding="utf-8")
        (folder / template.name).write_text(text.replace("accountable:", "acountable:", 1), encoding="utf-8")
    ended = _up(tmp_path / "home", TRUELOOP_TEMPLATES_DIR=str(folder))
    assert ended.returncode == 1
    assert "Trueloop cannot start: these templates must be mended first" in ended.stderr
    assert "did you mean `accountable`?" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "home" / "landing").exists(), "no sample company for a start that cannot succeed"


def test_a_folder_of_templates_that_is_none_is_named_with_its_variable(tmp_path: Path) -> None:
    ended = _up(tmp_path / "home", TRUELOOP_TEMPLATES_DIR=str(tmp_path / "nowhere"))
    assert ended.returncode == 1
    assert "TRUELOOP_TEMPLATES_DIR" in ended.stderr
