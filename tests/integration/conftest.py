"""Installations that several integration tests start from, each made once a session; tests work on copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.platform_world import PlatformWorld, PublishedHome, built_home, copied_world, published_home

PUBLISHED_SEED = 7


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built installation without a row; copy it, do not change it."""
    home = tmp_path_factory.mktemp("empty") / "home"
    built_home(home)
    return home


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory, empty_home: Path) -> PublishedHome:
    """A published installation of the sample company with faults; copy it, do not change it."""
    return published_home(tmp_path_factory.mktemp("published") / "home", empty_home, PUBLISHED_SEED)


@pytest.fixture
def copy_world(tmp_path: Path) -> Iterator[Callable[..., PlatformWorld]]:
    """``copy_world(home)`` gives a world of the test's own with the state of ``home``."""
    made: list[PlatformWorld] = []

    def copy(original: Path, **settings: Any) -> PlatformWorld:
        made.append(copied_world(tmp_path / f"home{len(made)}", original, **settings))
        return made[-1]

    yield copy
    for world in made:
        world.close()
