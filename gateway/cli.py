"""The command line ``./trueloop``: one page that names the commands and groups; each has its own module.

A call loads the module that it names alone: together they bring pandas, FastAPI and MetricFlow, seconds of CPU that
most commands have no use for. The page of help, and whoever imports ``app``, gets all of them.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from typing import Any, Final

import typer

# Name of the command: its module under gateway.commands, and the function there.
_COMMANDS: Final = {
    "status": ("status", "status"),
    "refresh": ("status", "refresh"),
    "people": ("people", "people"),
    "impact": ("impact", "impact"),
    "incidents": ("incidents", "incidents"),
    "simulate": ("simulate", "simulate"),
    "prepare": ("status", "prepare"),
}
_HIDDEN: Final = ("prepare",)
# Name of the group, which is its module's too: further commands of it that stand in modules of their own.
_GROUPS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "sources": (),
    "quarantine": (),
    "metrics": (
        ("movement", "movement"),
        ("proposals", "propose"),
        ("proposals", "proposals"),
        ("proposals", "versions"),
        ("proposals", "rollback"),
    ),
    "cases": (),
    "outbox": (),
    "templates": (
        ("template_versions", "versions"),
        ("template_versions", "rollback"),
        ("template_versions", "release"),
        ("template_versions", "migrate"),
        ("template_versions", "replay"),
    ),
    "snapshots": (),
    "tokens": (),
}


@cache
def command_line(only: str = "") -> typer.Typer:
    """The command line with one command or group of that name; with all of them where there is none, or for ""."""
    found = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Governed company figures, and the cross-department work that they trigger.",
    )
    found.callback()(_nothing)
    every = only not in _COMMANDS and only not in _GROUPS
    for name, (module, function) in _COMMANDS.items():
        if every or name == only:
            found.command(name, hidden=name in _HIDDEN)(_of(module, function))
    for name in _GROUPS:
        if every or name == only:
            found.add_typer(_group(name), name=name)
    return found


def _nothing() -> None:
    """Keeps a command line of a single command one of commands."""


@cache
def _group(name: str) -> typer.Typer:
    group: typer.Typer = _of(name, "app")
    for module, function in _GROUPS[name]:
        group.command(function)(_of(module, function))
    return group


def _of(module: str, name: str) -> Any:
    return getattr(import_module(f"gateway.commands.{module}"), name)


def __getattr__(name: str) -> typer.Typer:
    """``app``, which nobody pays for who does not ask."""
    if name == "app":
        return command_line()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def main(arguments: list[str]) -> int:
    """Run the command that the arguments name; returns the exit code where the command does not end by itself."""
    try:
        command_line(arguments[0] if arguments else "")(arguments, prog_name="./trueloop")
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        from gateway.start_check import UNREADABLE, in_words

        if not isinstance(error, UNREADABLE):
            raise
        print(in_words(error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
