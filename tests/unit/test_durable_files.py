"""A file is there whole or not at all, and a write that fails leaves nothing beside it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from resources.clock import ShiftedClock, SystemClock
from resources.durable_files import write_atomically, write_json_atomically, write_once
from resources.secret_file import secret_bytes
from resources.slack_connection import embedded_secrets


def _no_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")


WRITERS: dict[str, Callable[[Path], object]] = {
    "replaced": lambda folder: write_atomically(folder / "a", b"x"),
    "JSON": lambda folder: write_json_atomically(folder / "a", {"n": 1}),
    "secret": lambda folder: secret_bytes(folder / "key"),
    "embedded Slack": embedded_secrets,
    "clock": lambda folder: ShiftedClock(folder / "clock.json").advance_to(SystemClock().now().replace(year=2999)),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_write_that_fails_leaves_nothing(
    write: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", _no_disk)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_the_file_and_its_name_are_on_the_disk(
    write: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    whole = os.fsync

    def noted(descriptor: int) -> None:
        synced.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        whole(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    write(tmp_path)
    assert synced == ["file", "folder"]
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_made_once_is_the_owner_s_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key"
    write_once(path, b"first")
    write_once(path, b"second")
    assert path.read_bytes() == b"first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["key"]
