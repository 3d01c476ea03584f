"""Another database in the settings moves no case, so nothing starts on an empty one beside a file that holds some."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from resources.moved_database import require_same_database
from resources.ops_database import migrate, open_engine
from resources.platform import StateFolderError
from resources.settings import Settings
from tests.process_world import World


def database(url: str, *, cases: int) -> None:
    engine = open_engine(url)
    migrate(engine)
    world = World(engine)
    for number in range(cases):
        world.open(subject_id=f"S{number}")
    engine.dispose()


def test_an_empty_database_beside_a_file_with_cases_is_refused(tmp_path: Path) -> None:
    own, other = tmp_path / "ops.db", tmp_path / "other.db"
    settings = Settings(home=tmp_path, database_url=f"sqlite:///{other}")
    require_same_database(settings)  # a first start
    database(f"sqlite:///{own}", cases=0)
    require_same_database(settings)
    database(f"sqlite:///{own}", cases=2)
    require_same_database(Settings(home=tmp_path))
    with pytest.raises(StateFolderError, match=f"names sqlite:///{other}, which holds no case, but {own} holds 2"):
        require_same_database(settings)
    assert not other.exists()
    own.rename(tmp_path / "aside.db")
    require_same_database(settings)


def test_an_empty_postgresql_beside_it_is_refused_until_it_has_cases(tmp_path: Path, postgres_url: str) -> None:
    database(f"sqlite:///{tmp_path / 'ops.db'}", cases=1)
    settings = Settings(home=tmp_path, database_url=postgres_url)
    with pytest.raises(StateFolderError, match="holds no case"):
        require_same_database(settings)
    database(postgres_url, cases=1)
    require_same_database(settings)


def test_the_command_line_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database(f"sqlite:///{tmp_path / 'ops.db'}", cases=1)
    monkeypatch.setenv("TRUELOOP_HOME", str(tmp_path))
    monkeypatch.setenv("TRUELOOP_DATABASE_URL", f"sqlite:///{tmp_path / 'other.db'}")
    result = CliRunner().invoke(app, ["cases", "list"])
    assert result.exit_code == 1
    assert "take TRUELOOP_DATABASE_URL away to go on with those" in result.stderr
    monkeypatch.setenv("TRUELOOP_DATABASE_URL", "postgresql+psycopg2://nobody:secret@127.0.0.1:1/trueloop")
    result = CliRunner().invoke(app, ["cases", "list"])
    assert result.exit_code == 1
    assert "cannot be read" in result.stderr
    assert "secret" not in result.stderr
