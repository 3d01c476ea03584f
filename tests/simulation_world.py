"""A small simulated company, for tests: one world and its two arms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from tests.engine_world import calendar
from workflow_jobs.simulation.assumptions import Assumptions, assumptions
from workflow_jobs.simulation.draws import Draws
from workflow_jobs.simulation.happenings import Happenings, happenings
from workflow_jobs.simulation.office import Office
from workflow_jobs.simulation.run import Arm, run_chat, run_platform
from workflow_jobs.template_library import TemplateLibrary, load_library


@cache
def library() -> TemplateLibrary:
    """The shipped templates."""
    return load_library()


@dataclass
class Simulated:
    """One random world. Small: a few cases a week."""

    seed: int = 3
    weeks: int = 2
    scale: float = 0.05
    changes: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        self.assumed: Assumptions = assumptions().changed({"company.scale": self.scale, **(self.changes or {})})
        draws = Draws(self.seed)
        self.happened: Happenings = happenings(self.assumed, draws, calendar(), self.weeks, library().ids())
        self.office = Office(self.happened.directory, calendar(), draws, self.assumed)

    def chat(self) -> Arm:
        return run_chat(self.office, library(), self.happened, self.weeks)

    def platform(self, engine: sa.Engine, folder: Path) -> Arm:
        return run_platform(self.office, library(), self.happened, self.weeks, engine, folder)
