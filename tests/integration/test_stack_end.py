"""How a stack says that it came to its end, with real processes under the real supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from gateway.stack_end import EndWatch
from gateway.up import copy_templates
from resources.settings import PROJECT_ROOT, Settings
from tests.gateway_stack import free_port

_SUPERVISE = """
import os, sys
from pathlib import Path
from gateway.up import supervise
from resources.settings import Settings
commands = {"announce": "echo up; exec sleep 60", "gateway": sys.argv[2]}
sys.exit(supervise(Settings(home=Path(sys.argv[1])), commands, dict(os.environ)))
"""


def _stack(home: Path, command: str) -> subprocess.Popen[str]:
    (home / "logs").mkdir()
    log = home / "logs" / "gateway.log"
    log.write_text("a line of the start before\n")
    return subprocess.Popen(
        [sys.executable, "-c", _SUPERVISE, str(home), f"exec >> {log} 2>&1; {command}"],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("command", "how", "last"),
    [
        ("echo first; echo 'PoolError: no room'; exit 3", "(exit code 3)", "; last line: PoolError: no room"),
        ("kill -9 $$", "(killed by SIGKILL)", ", where it said nothing."),
    ],
)
def test_who_ended_first_is_named_with_its_log_and_last_line(tmp_path: Path, command: str, how: str, last: str) -> None:
    stack = _stack(tmp_path, command)
    said, _ = stack.communicate(timeout=30)
    assert stack.returncode == 1
    assert f"gateway ended by itself {how}, so everything was stopped." in said
    assert f"Its log is {tmp_path / 'logs' / 'gateway.log'}{last}" in said


def test_a_stop_that_was_asked_for_is_no_end_by_itself(tmp_path: Path) -> None:
    stack = _stack(tmp_path, "exec sleep 60")
    assert stack.stdout is not None
    assert stack.stdout.readline() == "up\n"
    time.sleep(0.3)  # both are started; honcho does not yet know a process that it has not heard of
    stack.send_signal(signal.SIGINT)
    said, _ = stack.communicate(timeout=30)
    assert (stack.returncode, said.strip()) == (0, "Stopped.")


def test_what_ends_after_the_first_one_is_not_blamed(tmp_path: Path) -> None:
    watch = EndWatch(tmp_path, ["code", "gateway"])
    for line in ("code stopped (rc=-9)\n", "gateway stopped (rc=1)\n", "SIGINT received\n"):
        watch.hear(line)
    assert watch.sentence() == "code ended by itself (killed by SIGKILL), so everything was stopped."


def test_a_running_stack_keeps_the_templates_that_it_started_with(tmp_path: Path) -> None:
    folder = tmp_path / "drafts"
    folder.mkdir()
    (folder / "one.yaml").write_text("as it was")
    settings = Settings(home=tmp_path / "home", templates_dir=folder)
    settings.home.mkdir()
    copy_templates(settings)
    (folder / "one.yaml").write_text("a draft")
    (folder / "two.yaml").write_text("another")
    kept = settings.started_templates_dir
    assert {path.name: path.read_text() for path in kept.iterdir()} == {"one.yaml": "as it was"}
    copy_templates(settings)
    assert {path.name: path.read_text() for path in kept.iterdir()} == {"one.yaml": "a draft", "two.yaml": "another"}


_DEMO = """
import subprocess, sys
from pathlib import Path
from gateway import demo

def start_stack(settings):
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    print(process.pid, flush=True)
    return demo.Stack(process, Path(sys.argv[1]) / "demo.log")

demo.start_stack = start_stack
sys.exit(demo.main())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_ended_takes_its_stack_with_it(tmp_path: Path, number: signal.Signals) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-c", _DEMO, str(tmp_path)],
        cwd=PROJECT_ROOT,
        env={**os.environ, "TRUELOOP_HOME": str(tmp_path / "home"), "TRUELOOP_GATEWAY_PORT": str(free_port())},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert demo.stdout is not None
    assert demo.stdout.readline().startswith("Trueloop demo in")
    stack = int(demo.stdout.readline())
    demo.send_signal(number)
    _, said = demo.communicate(timeout=30)
    assert (demo.returncode, "goes on from here" in said) == (130, True), said
    assert not psutil.pid_exists(stack)
