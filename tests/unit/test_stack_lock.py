"""The lock that says whether a stack runs, taken and looked at by several at once."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest
from filelock import Timeout

from gateway.stack_lock import stack_runs, take_stack_lock
from resources.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def test_a_stack_runs_as_long_as_its_lock_is_held(settings: Settings) -> None:
    assert not stack_runs(settings)
    assert not settings.home.exists(), "who looks makes nothing"
    with take_stack_lock(settings):
        assert stack_runs(settings)
        with pytest.raises(Timeout):
            take_stack_lock(settings)
    assert not stack_runs(settings), "the file that it leaves behind says nothing"


def test_who_only_looks_is_no_stack_and_hinders_no_start(settings: Settings) -> None:
    take_stack_lock(settings).release()
    with (settings.home / "up.lock").open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        assert not stack_runs(settings)
        threading.Timer(0.05, fcntl.flock, (looking.fileno(), fcntl.LOCK_UN)).start()
        with take_stack_lock(settings):
            assert stack_runs(settings)
