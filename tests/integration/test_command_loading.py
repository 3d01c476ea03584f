"""A call of the command line loads what it names alone, and is otherwise the same as the whole."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from gateway import cli
from resources.settings import PROJECT_ROOT

_LOADED = """
import sys
from gateway.cli import main
try:
    main(["outbox", "--help"])
except SystemExit:
    pass
print(sorted({"pandas", "fastapi", "metricflow", "gateway.commands.metrics"} & set(sys.modules)))
"""


def names(app: typer.Typer) -> set[str]:
    return {str(one.name) for one in app.registered_commands} | {str(one.name) for one in app.registered_groups}


def test_a_command_does_not_pay_for_the_others() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOADED], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert "resend" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_each_command_alone_is_the_one_of_the_whole() -> None:
    whole = names(cli.app)
    for name in whole:
        alone = cli.command_line(name)
        assert names(alone) == {name}
        shown = CliRunner().invoke(alone, [name, "--help"], prog_name="./trueloop")
        assert shown.exit_code == 0
        assert shown.stdout == CliRunner().invoke(cli.app, [name, "--help"], prog_name="./trueloop").stdout


def test_what_is_no_command_is_told_by_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["metric"])
    assert ended.value.code == 2
    assert "No such command 'metric'" in capsys.readouterr().err
    assert names(cli.command_line("metric")) == names(cli.app)
