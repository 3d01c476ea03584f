"""What the processes of `make up` wait for."""

from __future__ import annotations

import threading
from pathlib import Path

from gateway.up import _commands
from gateway.wait_for_port import wait_for_file
from resources.settings import Settings


def test_waits_until_the_file_is_there(tmp_path: Path) -> None:
    path = tmp_path / "warehouse"
    timer = threading.Timer(0.2, path.touch)
    timer.start()
    assert wait_for_file(path, timeout_seconds=30)
    timer.join()


def test_does_not_wait_for_ever(tmp_path: Path) -> None:
    assert not wait_for_file(tmp_path / "never", timeout_seconds=0.2)


def test_the_daemon_waits_for_the_first_refresh_and_for_no_later_one(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    warehouse = str(settings.warehouse_path)
    first = _commands(settings, 0.0)
    assert warehouse in first["daemon"]
    assert not any(warehouse in command for name, command in first.items() if name != "daemon")
    settings.serving_dir.mkdir(parents=True)
    (settings.serving_dir / "current.json").write_text("{}")
    assert warehouse not in _commands(settings, 0.0)["daemon"]
