"""`make up`: everything under one supervisor, until Ctrl-C.

Prepares the state folder, writes sample data where there is none, starts Dagster's code server, webserver and daemon,
the gateway and the feed under honcho, runs the first refresh, and says when the four pages answer. What was left over
by a supervisor that died is ended first: its processes are recognised by the state folder in their environment.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import psutil
from filelock import FileLock, Timeout
from honcho.manager import Manager
from honcho.printer import Printer
from pydantic import ValidationError

from gateway.sample_data import wants_sample, write_sample
from resources.dagster_home import prepare_dagster_home
from resources.dbt import DbtError
from resources.packs import PackError
from resources.platform import Platform, StateFolderError
from resources.settings import PROJECT_ROOT, Settings, load_settings

STACK_VARIABLE = "TRUELOOP_STACK_HOME"
READY_TIMEOUT_SECONDS = 600


class CannotStartError(RuntimeError):
    """Starting is impossible; the sentence says what to do."""


def main() -> int:
    try:
        settings = load_settings()
        platform = Platform(settings)
        platform.claim_state_folder()
        return _run(platform)
    except ValidationError as error:
        first = error.errors()[0]
        name = "TRUELOOP_" + "_".join(str(part) for part in first["loc"]).upper()
        return _refuse(f"{name}: {first['msg']}. docs/settings.md lists all settings.")
    except (CannotStartError, StateFolderError, PackError, DbtError) as error:
        return _refuse(str(error))


def _refuse(sentence: str) -> int:
    print(f"Trueloop cannot start: {sentence}", file=sys.stderr)
    return 1


def _run(platform: Platform) -> int:
    settings = platform.settings
    lock = FileLock(settings.home / "up.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise CannotStartError(
            f"it is already running on the state folder {settings.home}. Use that one ({settings.gateway_url}), or "
            "choose another folder and other ports."
        ) from None
    with lock:
        started = time.monotonic()
        _end_leftovers(settings)
        _require_free_ports(settings)
        if wants_sample(platform):
            _say(f"Writing a year of the sample company '{platform.pack.name}' (scale {settings.sample_scale:g})")
            write_sample(platform, _say)
        _say("Preparing databases and definitions")
        prepare_dagster_home(settings)
        _ = platform.ops_engine
        platform.dbt.ensure_fresh_manifest()
        _fail_runs_of_the_dead(settings)
        manager = Manager(Printer(_Quiet()))
        for name, command in _commands(settings).items():
            manager.add_process(name, command, cwd=str(PROJECT_ROOT), env=_environment(settings), quiet=True)
        watcher = threading.Thread(target=_until_ready, args=(platform, started, manager), daemon=True)
        watcher.start()
        manager.loop()
        _say("Stopped.")
        return 0 if _was_interrupted(manager) else int(manager.returncode or 0)


def _commands(settings: Settings) -> Mapping[str, str]:
    """The processes, each writing its own log file in the state folder."""
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
    space = shlex.quote(str(workspace))
    commands = {
        "code": f"exec {python} -m dagster api grpc -f definitions.py -d . --host 127.0.0.1 -p {settings.code_port} "
        "--location-name trueloop",
        "webserver": f"{after_code} -m dagster_webserver -h 127.0.0.1 -p {settings.dagster_port} -w {space}",
        "daemon": f"{after_code} -m dagster._daemon run -w {space}",
        "gateway": f"exec {python} -m gateway",
    }
    if settings.feed == "on":
        commands["feed"] = f"exec {python} -m gateway.sample_data"
    return {
        name: f"exec >> {shlex.quote(str(logs / f'{name}.log'))} 2>&1; {command}" for name, command in commands.items()
    }


def _environment(settings: Settings) -> dict[str, str]:
    return {
        **os.environ,
        STACK_VARIABLE: str(settings.home),
        "DAGSTER_HOME": str(settings.dagster_home),
        "PYTHONUNBUFFERED": "1",
        "DO_NOT_TRACK": "1",
    }


def _until_ready(platform: Platform, started: float, manager: Manager) -> None:
    settings = platform.settings
    refresh: subprocess.Popen[bytes] | None = None
    if platform.snapshots.current() is None:
        _say("First refresh: loading, building, auditing, publishing (follow it under Runs in the Dagster UI)")
        refresh = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", "refresh"], cwd=PROJECT_ROOT, env=_environment(settings)
        )
    pages = {
        "Dagster UI": f"{settings.dagster_url}/",
        "dbt docs": f"{settings.gateway_url}/dbt/",
        "Slack (embedded)": f"{settings.gateway_url}/embedded-slack/",
        "Gateway": f"{settings.gateway_url}/",
    }
    if not settings.slack_embedded:
        del pages["Slack (embedded)"]
    probes = [*pages.values(), f"{settings.gateway_url}/readyz"]
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        missing = [address for address in probes if not _answers(address)]
        if not missing:
            print(f"\nTrueloop is ready ({time.monotonic() - started:.0f} s).\n", flush=True)
            for name, address in pages.items():
                print(f"  {name:<18}{address}", flush=True)
            print(f"\nState and logs: {settings.home}\nCtrl-C stops everything.\n", flush=True)
            return
        if refresh is not None and refresh.poll() not in (None, 0, 3):
            _say(f"The first refresh failed; what it said stands above. Logs: {settings.home / 'logs'}")
            refresh = None
        time.sleep(0.5)
    _say(f"Still not ready: {', '.join(missing)}. Look into {settings.home / 'logs'}.")


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as response:
            return int(response.status) == 200
    except (urllib.error.URLError, OSError):
        return False


def _require_free_ports(settings: Settings) -> None:
    for variable, port in (
        ("TRUELOOP_GATEWAY_PORT", settings.gateway_port),
        ("TRUELOOP_DAGSTER_PORT", settings.dagster_port),
        ("TRUELOOP_CODE_PORT", settings.code_port),
    ):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise CannotStartError(
                    f"port {port} is in use by another program. Stop that one, or choose another port: "
                    f"{variable}={port + 1} make up"
                ) from None


def _end_leftovers(settings: Settings) -> None:
    """End what an earlier supervisor of this state folder left behind when it was killed."""
    ours = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(STACK_VARIABLE) == str(settings.home):
                ours.append(process)
        except (psutil.Error, OSError):
            continue  # gone meanwhile, or another user's
    for process in ours:
        _signal(process, "terminate")
    _, stubborn = psutil.wait_procs(ours, timeout=10)
    for process in stubborn:
        _signal(process, "kill")
    if ours:
        _say(f"Ended {len(ours)} processes that an earlier run had left behind")


def _signal(process: psutil.Process, how: str) -> None:
    try:
        getattr(process, how)()
    except psutil.NoSuchProcess:
        return


def _fail_runs_of_the_dead(settings: Settings) -> None:
    """Mark runs as failed whose processes ended with an earlier supervisor; nothing else ever would."""
    from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        unfinished = [DagsterRunStatus.STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.CANCELING]
        for run in instance.get_runs(RunsFilter(statuses=unfinished)):
            pid = run.tags.get("trueloop/pid")
            if pid is None or not psutil.pid_exists(int(pid)):
                instance.report_run_failed(run, "The process that executed this run is gone.")


class _Quiet:
    """Honcho's own lines (started, stopped) go to nobody; failures are told by the watcher and the log files."""

    def write(self, text: str) -> None:
        if "stopped (rc=" in text and "rc=-" not in text and "rc=0" not in text:
            sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()

    def isatty(self) -> bool:
        return False


def _was_interrupted(manager: Manager) -> bool:
    return manager.returncode in (None, 0) or manager.returncode >= 128 or manager.returncode < 0


def _say(sentence: str) -> None:
    print(f"  {sentence}", flush=True)


def log_folder(settings: Settings) -> Path:
    """Where the processes write their logs."""
    return settings.home / "logs"


if __name__ == "__main__":
    sys.exit(main())
