"""`make up`: everything under one supervisor, until Ctrl-C.

Prepares in a process of its own (gateway.prepare_start), then starts Dagster's code server, webserver and daemon, the
gateway, the feed and the announcer under honcho. What a supervisor that was killed left behind is ended first: its
processes are recognised by the state folder in their environment.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import psutil
from filelock import FileLock, Timeout
from honcho.manager import SYSTEM_PRINTER_NAME, Manager
from honcho.printer import Printer
from pydantic import ValidationError

from gateway.announce import first_refresh_is_due
from gateway.stack_end import EndWatch
from gateway.stack_lock import take_stack_lock
from resources.settings import PROJECT_ROOT, Settings, load_settings

STACK_VARIABLE = "TRUELOOP_STACK_HOME"
_ANNOUNCER = "announce"
_AFTER_KILL = 10.0
_LOOK_AGAIN = 0.05


class CannotStartError(RuntimeError):
    """Starting is impossible; the sentence says what to do."""


def main() -> int:
    try:
        return run_stack(load_settings())
    except ValidationError as error:
        first = error.errors()[0]
        name = "TRUELOOP_" + "_".join(str(part) for part in first["loc"]).upper()
        sentence = f"{name}: {first['msg']}. docs/settings.md lists all settings."
    except CannotStartError as error:
        sentence = str(error)
    except KeyboardInterrupt:
        print("Stopped.", flush=True)
        return 130
    print(f"Trueloop cannot start: {sentence}", file=sys.stderr)
    return 1


def run_stack(settings: Settings) -> int:
    """Run everything until interrupted; returns the exit code. Raises CannotStartError."""
    started = time.time()
    with _only_supervisor(settings):
        ended = end_leftovers(settings)
        require_free_ports(settings, patience=_AFTER_KILL if ended else 0.0)
        copy_templates(settings)
        environment = stack_environment(settings)
        prepared = subprocess.run(
            [sys.executable, "-m", "gateway.prepare_start"], cwd=PROJECT_ROOT, env=environment, check=False
        )
        if prepared.returncode:
            return prepared.returncode
        return supervise(settings, _commands(settings, started), environment)


def supervise(settings: Settings, commands: Mapping[str, str], environment: Mapping[str, str]) -> int:
    """Run the commands until one ends or a signal comes; then end all. Returns 0 after a signal, else 1."""
    watch = EndWatch(settings.home / "logs", commands)
    manager = Manager(_Printer(watch))
    for name, command in commands.items():
        manager.add_process(name, command, cwd=str(PROJECT_ROOT), env=environment, quiet=name != _ANNOUNCER)
    manager.loop()
    if watch.by_itself is not None:
        print(watch.sentence(), flush=True)
        return 1
    print("Stopped.", flush=True)
    return 0


def _only_supervisor(settings: Settings) -> FileLock:
    """The lock that a second supervisor on the same state folder does not get; released when the process ends."""
    try:
        return take_stack_lock(settings)
    except Timeout:
        raise CannotStartError(
            f"it is already running on the state folder {settings.home}. Use that one ({settings.gateway_url}), or "
            "choose another folder (TRUELOOP_HOME) and other ports."
        ) from None
    except OSError as error:
        raise CannotStartError(
            f"the state folder {settings.home} cannot be written ({error.strerror}). Make it writable or choose "
            "another with TRUELOOP_HOME."
        ) from None


def _commands(settings: Settings, started: float) -> Mapping[str, str]:
    """The processes by name; all but the announcer write their own log file in the state folder."""
    logs = settings.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    workspace = settings.home / "workspace.yaml"
    # One loaded copy of the definitions serves webserver and daemon; with workspace.yaml each would load its own.
    workspace.write_text(
        "load_from:\n  - grpc_server:\n      host: 127.0.0.1\n"
        f"      port: {settings.code_port}\n      location_name: trueloop\n",
        encoding="utf-8",
    )
    python = shlex.quote(sys.executable)
    after_code = f"{python} -m gateway.wait_for_port {settings.code_port} && exec {python}"
    # Until the first refresh has begun, the daemon's sensor would take the sample files as a reason for another one.
    wait = f" {shlex.quote(str(settings.warehouse_path))}" if first_refresh_is_due(settings) else ""
    after_first = f"{python} -m gateway.wait_for_port {settings.code_port}{wait} && exec {python}"
    space = shlex.quote(str(workspace))
    commands = {
        "code": f"exec {python} -m dagster api grpc -f definitions.py -d . --host 127.0.0.1 -p {settings.code_port} "
        "--location-name trueloop",
        "webserver": f"{after_code} -m dagster_webserver -h 127.0.0.1 -p {settings.dagster_port} -w {space}",
        "daemon": f"{after_first} -m dagster._daemon run -w {space}",
        "gateway": f"exec {python} -m gateway",
    }
    if settings.feed == "on":
        commands["feed"] = f"exec {python} -m gateway.sample_data"
    logged = {
        name: f"exec >> {shlex.quote(str(logs / f'{name}.log'))} 2>&1; {command}" for name, command in commands.items()
    }
    return {_ANNOUNCER: f"exec {python} -m gateway.announce {started}", **logged}


def stack_environment(settings: Settings) -> dict[str, str]:
    """Environment of every process of one stack; the state folder in it marks them as ours."""
    return {
        **os.environ,
        STACK_VARIABLE: str(settings.home),
        "TRUELOOP_TEMPLATES_DIR": str(settings.started_templates_dir),
        "DAGSTER_HOME": str(settings.dagster_home),
        "PYTHONUNBUFFERED": "1",
        "DO_NOT_TRACK": "1",
    }


def copy_templates(settings: Settings) -> None:
    """Keep the templates as they are now for all processes of this stack, each run's process too.

    A run reads them when it starts: from the folder itself it would fail on a draft that somebody is just writing.
    Raises CannotStartError where they cannot be read; whether they are sound is looked at afterwards.
    """
    source, target = settings.templates_dir, settings.started_templates_dir
    if source == target:
        return
    building = settings.home / ".templates.building"
    try:
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir()
        for path in sorted(path for path in source.iterdir() if path.suffix == ".yaml"):
            shutil.copy2(path, building / path.name)
        shutil.rmtree(target, ignore_errors=True)
        building.rename(target)
    except OSError as error:
        raise CannotStartError(
            f"the templates of {source} cannot be copied to {target}: {error.strerror} ({error.filename}). "
            "TRUELOOP_TEMPLATES_DIR names their folder."
        ) from None


def require_free_ports(settings: Settings, *, patience: float = 0.0) -> None:
    """Raise CannotStartError for the first port that another program still holds after so many seconds."""
    deadline = time.monotonic() + patience
    for variable, port in (
        ("TRUELOOP_GATEWAY_PORT", settings.gateway_port),
        ("TRUELOOP_DAGSTER_PORT", settings.dagster_port),
        ("TRUELOOP_CODE_PORT", settings.code_port),
    ):
        while not _is_free(port):
            if time.monotonic() >= deadline:
                raise CannotStartError(
                    f"port {port} is in use by another program. Stop that one, or choose another port: "
                    f"{variable}={port + 1} make up"
                )
            time.sleep(_LOOK_AGAIN)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def end_leftovers(settings: Settings, *, grace: float = 10.0) -> int:
    """End what an earlier supervisor of this state folder left behind when it was killed; how many processes it was.

    Those that do not end within ``grace`` seconds are killed. Raises CannotStartError where one does not end even so.
    """
    ours = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(STACK_VARIABLE) == str(settings.home):
                ours.append(process)
        except (psutil.Error, OSError):
            continue  # gone meanwhile, or another user's
    for process in ours:
        _signal(process, "terminate")
    stubborn = _still_running(ours, grace)
    for process in stubborn:
        _signal(process, "kill")
    # A killed process holds its ports until the kernel has cleared it away.
    left = _still_running(stubborn, _AFTER_KILL)
    if left:
        raise CannotStartError(
            f"processes of an earlier run cannot be ended: {', '.join(str(one.pid) for one in left)}. They wait for a "
            "disk or a driver; try again when they are gone."
        )
    if ours:
        print(f"  Ended {len(ours)} processes that an earlier run had left behind", flush=True)
    return len(ours)


def _still_running(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that are not gone after so many seconds. One that is dead and that its parent never asks about, as the
    first process of many containers never does, holds nothing any more.
    """
    deadline = time.monotonic() + seconds
    while True:
        left = [process for process in processes if _runs(process)]
        if not left or time.monotonic() >= deadline:
            return left
        time.sleep(_LOOK_AGAIN)


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, how: str) -> None:
    try:
        getattr(process, how)()
    except psutil.NoSuchProcess:
        return


class _Printer(Printer):  # type: ignore[misc]
    """Prints the announcer's lines as they are. Honcho's own (started, stopped) would only clutter the screen; the
    watch learns from them how it ended.
    """

    def __init__(self, watch: EndWatch) -> None:
        super().__init__()
        self._watch = watch

    def write(self, message: Any) -> None:
        text = message.data if isinstance(message.data, str) else message.data.decode("utf-8", "replace")
        if message.name == SYSTEM_PRINTER_NAME:
            self._watch.hear(text)
        elif message.name == _ANNOUNCER:
            sys.stdout.write(text if text.endswith("\n") else text + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
