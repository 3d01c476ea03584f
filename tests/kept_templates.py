"""Every text that a template was ever shipped with, each beside the log of a case that was opened with it.

`python -m tests.kept_templates` adds the texts in service that are not there yet, each with a log played by the engine
as it is. Nothing here is ever written again or taken away: cases somewhere pin it by its hash, and their logs must load
and go on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

from tests.engine_lives import InService
from tests.engine_world import JOBS, ROLES, Play
from tests.log_plays import whole
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.template import Template, load_template
from workflow_jobs.template_library import load_library

KEPT = Path(__file__).parent / "fixtures" / "templates"
COMMAND = ".venv/bin/python -m tests.kept_templates"
REQUESTER = "d2"  # holds a role that decides in few templates


@dataclass(frozen=True)
class Kept:
    """One shipped text (``<id>/<version>-<first 8 of its hash>.yaml``) and the log beside it (``.json``)."""

    path: Path

    @property
    def name(self) -> str:
        """For people: `after_sales 1-97c97af3`."""
        return f"{self.path.parent.name} {self.path.stem}"

    @property
    def text(self) -> str:
        """The YAML as it was shipped."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def template(self) -> Template:
        """As a version is read that cases pin and only the store still has: not linted."""
        return load_template(self.text, file=f"{self.path.parent.name}.yaml")

    @cached_property
    def _stored(self) -> dict[str, Any]:
        stored: dict[str, Any] = json.loads(self.path.with_suffix(".json").read_text(encoding="utf-8"))
        return stored

    @property
    def log(self) -> list[e.Event]:
        """What happened to the case so far: it is open, and somebody is asked."""
        return [e.from_json(body) for body in self._stored["events"]]

    @property
    def state(self) -> dict[str, Any]:
        """What the log folded to when it was kept, every field of it."""
        state: dict[str, Any] = self._stored["state"]
        return state

    def case(self) -> InService:
        """The case where its log leaves it, to be gone on with."""
        machine, log = InService(), self.log
        machine.play = Play(self.template, now=log[-1].at, log=log, current=replay(log))
        return machine


def all_kept() -> list[Kept]:
    """All of them, by template and version."""
    return [Kept(path) for path in sorted(KEPT.glob("*/*.yaml"))]


def place_of(template: Template) -> Path:
    """Where a text of this content is kept."""
    return KEPT / template.id / f"{template.version}-{template.hash.removeprefix('sha256:')[:8]}.yaml"


def not_kept(templates: Iterable[Template]) -> list[str]:
    """Ids of the templates whose very text has no place yet."""
    return [template.id for template in templates if not place_of(template).exists()]


def keep(template: Template, log: list[e.Event] | None = None) -> None:
    """Write the text and a log. Without a ``log`` the first half of a whole case is played."""
    path = place_of(template)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(template.text, encoding="utf-8", newline="")
    log = log or _half_a_case(template)
    lines = ",\n".join(json.dumps(e.to_json(event), ensure_ascii=False) for event in log)
    state = json.dumps(whole(replay(log)), ensure_ascii=False, sort_keys=True)
    body = f'{{"events": [\n{lines}\n],\n"state": {state}}}\n'
    path.with_suffix(".json").write_text(body, encoding="utf-8", newline="")


@dataclass
class _Parts(Play):
    """Remembers where each command left the log, and whether somebody was asked there."""

    asked: list[int] = field(default_factory=list)

    def do(self, command: c.Command) -> tuple[e.Event, ...]:
        events = super().do(command)
        if self.state.is_open and any(task.assignee for task in self.state.open_tasks):
            self.asked.append(len(self.log))
        return events


def _half_a_case(template: Template) -> list[e.Event]:
    machine = InService.opened(_Parts(template), Random(template.hash), **_opening(template))
    machine.teardown()  # leads to its end
    play = machine.play
    assert isinstance(play, _Parts)
    return play.log[: next(end for end in play.asked if end >= len(play.log) / 2 or end == play.asked[-1])]


def _opening(template: Template) -> dict[str, Any]:
    requester = REQUESTER if "people" in template.opened_by else None
    name = place_of(template).stem
    return {"case_id": f"{template.id}-{name}", "subject_id": name, "subject_label": name, "requested_by": requester}


if __name__ == "__main__":
    for shipped in load_library(known_roles=ROLES, known_jobs=JOBS):
        if not_kept([shipped]):
            keep(shipped)
            print(place_of(shipped))
