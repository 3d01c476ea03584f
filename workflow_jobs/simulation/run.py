"""One seed through both arms, and several seeds beside each other.

Belongs here: putting world, arms and figures together. The database is a file of its own that is thrown away; nothing
of a state folder is read or written. Messages are written to its outbox and not sent.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from resources import ops_database
from workflow_jobs.engine.state import CaseState
from workflow_jobs.engine.working_time import WorkingCalendar
from workflow_jobs.evidence import Evidence
from workflow_jobs.service import ProcessService
from workflow_jobs.simulation import claims
from workflow_jobs.simulation.agenda import Agenda
from workflow_jobs.simulation.assumptions import Assumptions
from workflow_jobs.simulation.cards import Cards
from workflow_jobs.simulation.course import Course, Record
from workflow_jobs.simulation.draws import Draws
from workflow_jobs.simulation.figures import Figures, figures
from workflow_jobs.simulation.group_chat import GroupChat
from workflow_jobs.simulation.happenings import Happening, Happenings, happenings
from workflow_jobs.simulation.ledgers import Books, Paper
from workflow_jobs.simulation.office import Office
from workflow_jobs.template_library import TemplateLibrary

_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Arm:
    """One arm of one seed: what it left behind, and its figures. ``scores`` are the weekly consistency scores."""

    record: Record
    figures: Figures
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Seed:
    """One random world, lived through twice."""

    seed: int
    chat: Arm
    platform: Arm
    left_out: Mapping[str, int]


def run_seed(
    assumed: Assumptions, library: TemplateLibrary, calendar: WorkingCalendar, *, seed: int, weeks: int
) -> Seed:
    """Both arms of one random world: the same happenings, people, absences, looks and paces."""
    draws = Draws(seed)
    happened = happenings(assumed, draws, calendar, weeks, library.ids())
    office = Office(happened.directory, calendar, draws, assumed)
    chat = run_chat(office, library, happened, weeks)
    with tempfile.TemporaryDirectory(prefix="trueloop-simulation-") as folder, _database(Path(folder)) as engine:
        platform = run_platform(office, library, happened, weeks, engine, Path(folder))
    return Seed(seed=seed, chat=chat, platform=platform, left_out=happened.left_out)


def run_chat(office: Office, library: TemplateLibrary, happened: Happenings, weeks: int) -> Arm:
    """The weeks with a group chat."""
    agenda = Agenda(happened.begins)
    course = Course(office, agenda, Paper(office, agenda, library), GroupChat(office, happened.begins))
    seen = partial(claims.seen_at_meeting, office, begins=happened.begins, weeks=weeks)
    return _run(course, happened, weeks, seen)


def run_platform(
    office: Office, library: TemplateLibrary, happened: Happenings, weeks: int, engine: sa.Engine, folder: Path
) -> Arm:
    """The weeks through the real service on a migrated, empty database, with a clock that only the agenda moves.

    ``folder`` takes the files that people add to cases.
    """
    agenda = Agenda(happened.begins)
    service = ProcessService(
        engine,
        clock=agenda,
        templates=library,
        directory=lambda: happened.directory,
        calendar=office.calendar,
        pack="dongchen",
        channel="simulation",
    )
    course = Course(
        office, agenda, Books(office, service, library, Evidence(engine, folder / "evidence", agenda)), Cards()
    )
    course.watch_absences(happened.ends)
    return _run(course, happened, weeks, partial(claims.seen_by_platform, office))


def _run(course: Course, happened: Happenings, weeks: int, seen: Callable[[claims.Difference], datetime | None]) -> Arm:
    office = course.office
    for happening in happened.cases:
        course.agenda.at(happening.at, partial(course.begin, happening))
    found = claims.differences(office.assumed, office.draws, happened.begins, weeks)
    settled: dict[str, datetime] = {}
    by_case: dict[str, str] = {}

    def settle(happening: Happening, state: CaseState) -> None:
        if happening.key in by_case and state.outcome == "completed" and state.closed_at is not None:
            settled[by_case[happening.key]] = state.closed_at

    course.ended.append(settle)
    for difference in found:
        at = seen(difference)
        if at is not None:
            case = claims.case_of(office, difference, at)
            by_case[case.key] = difference.key
            course.agenda.at(at, partial(course.begin, case))
    course.agenda.run()
    scores = tuple(
        claims.score(office.assumed, found, settled, happened.begins + _WEEK * week) for week in range(weeks + 1)
    )
    return Arm(course.record, figures(office.assumed, office.directory, happened, course.record, scores), scores)


@contextmanager
def _database(folder: Path) -> Iterator[sa.Engine]:
    """The schema as installed, in a file that lives as long as the folder."""
    engine = ops_database.open_engine(f"sqlite:///{folder / 'ops.db'}")

    @sa.event.listens_for(engine, "connect")
    def _do_not_wait_for_the_disk(connection: Any, _record: Any) -> None:
        # Nothing survives the run, so nothing has to reach the disk before it goes on.
        connection.execute("PRAGMA synchronous=OFF")

    try:
        ops_database.migrate(engine)
        yield engine
    finally:
        engine.dispose()
