"""Versions of a template on both databases: what is in force, who changed it, and cases that move whole or not."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from resources import fault_points
from resources.clock import FixedClock
from resources.ops_database import open_engine
from tests.engine_world import JOBS, MONDAY, ROLES, calendar, people, shipped
from tests.process_world import REGULAR, request
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.lint import lint
from workflow_jobs.engine.template import Template, load_template
from workflow_jobs.service import ProcessService
from workflow_jobs.store.tables import case, case_event
from workflow_jobs.template_library import TemplateLibrary, UnknownTemplate
from workflow_jobs.template_names import TemplateNames
from workflow_jobs.template_versions import TemplateVersions, VersionError

ID = "supply_exception"
S = TypeVar("S", ProcessService, TemplateVersions)


def next_version(*changes: tuple[str, str]) -> Template:
    old = shipped(ID)
    text = old.text
    for before, after in ((f"version: {old.version}", f"version: {old.version + 1}"), *changes):
        assert before in text, before
        text = text.replace(before, after)
    new = load_template(text, file=old.file)
    assert lint(new, ROLES, JOBS) == []
    return new


# Finance's tier is another, a step has more time, and one that cases may stand at is called otherwise.
CHANGED = next_version(("data.impact_amount < 50000.0", "data.impact_amount < 20000.0"))
RENAMED = next_version(("- id: protect", "- id: guard_orders"))


@dataclass
class Processes:
    """Services of two processes on one database: what one of them knows is in the database or nowhere."""

    engine: Engine
    clock: FixedClock

    def built(self, kind: type[S], template: Template) -> S:
        return kind(
            self.engine,
            clock=self.clock,
            templates=TemplateLibrary([template]),
            directory=people,
            calendar=calendar(),
            pack="small",
            channel="ops",
        )


@pytest.fixture
def on(ops_engine: Engine) -> Processes:
    return Processes(ops_engine, FixedClock(MONDAY))


def decide(service: ProcessService, case_id: str, step: str) -> None:
    task = next(t for t in service.case(case_id).open_tasks if t.step_id == step)
    outcome, form = REGULAR[step]
    service.decide_task(task.task_id, task.version, task.assignee or "", outcome, form, "test")


def test_going_back_and_forth_needs_no_restart_and_says_who_did_it(on: Processes) -> None:
    old = on.built(ProcessService, shipped(ID))
    first = old.open_case(request("S1")).case_id
    # The folder has a new version: another process, started with it, opens the next case.
    service, versions = on.built(ProcessService, CHANGED), on.built(TemplateVersions, CHANGED)
    second = service.open_case(request("S2")).case_id
    assert service.case(first).template_hash == shipped(ID).hash
    assert service.case(second).template_hash == CHANGED.hash
    found = versions.versions(ID)
    assert [(v.hash, v.cases, v.open_cases, v.in_force, v.newest) for v in found] == [
        (shipped(ID).hash, 1, 1, False, False),
        (CHANGED.hash, 1, 1, True, True),
    ]

    on.clock.advance(timedelta(hours=1))
    versions.names = TemplateNames(roles=[one for one in ROLES if one != "cfo"], jobs=(), skills=None, calendars=None)
    back = versions.roll_back(ID, "im")
    assert any("'cfo'" in note for note in back.notes), "a role that is gone is said, not refused"
    assert any("replan_production_job" in note for note in back.notes)
    assert (back.hash, back.in_force, back.set_by, back.since) == (shipped(ID).hash, True, "im", on.clock.now())
    third = service.open_case(request("S3")).case_id
    assert service.case(third).template_hash == shipped(ID).hash, "the running process opens with it at once"
    assert service.template_in_force(ID).hash == shipped(ID).hash
    assert service.case(second).template_hash == CHANGED.hash, "running cases keep theirs"

    on.clock.advance(timedelta(hours=1))
    assert versions.release(ID, "d1").hash == CHANGED.hash
    assert service.case(service.open_case(request("S4")).case_id).template_hash == CHANGED.hash
    assert [(c.action, c.hash, c.person_id, c.at) for c in versions.changes(ID)] == [
        ("rollback", shipped(ID).hash, "im", MONDAY + timedelta(hours=1)),
        ("release", CHANGED.hash, "d1", MONDAY + timedelta(hours=2)),
    ]
    with pytest.raises(VersionError, match="in force already"):
        versions.release(ID, "d1")
    versions.roll_back(ID, "im", to=shipped(ID).hash.removeprefix("sha256:")[:8])
    with pytest.raises(VersionError, match="before the one in force"):
        versions.roll_back(ID, "im")
    with pytest.raises(VersionError, match="there is no version"):
        versions.roll_back(ID, "im", to="0123456789")
    with pytest.raises(UnknownTemplate):
        versions.roll_back("no_such", "im")


def test_running_cases_move_where_they_fit_and_are_listed_where_not(on: Processes) -> None:
    old = on.built(ProcessService, shipped(ID))
    judged, parallel, ended = (old.open_case(request(f"S{n}")).case_id for n in (1, 2, 3))
    decide(old, parallel, "judge")
    for step in ("judge", "supplier", "protect"):
        decide(old, ended, step)
    due = next(s for s in old.due_service_steps() if s.case_id == ended)
    old.complete_service(ended, due.step_id, "run", {}, idempotency_key=due.idempotency_key)
    for step in ("assess", "promise"):
        decide(old, ended, step)
    versions, service = on.built(TemplateVersions, RENAMED), on.built(ProcessService, RENAMED)
    rows = _rows(on.engine)

    looked = {one.case_id: one for one in versions.migrate(ID, "im", dry_run=True)}
    assert set(looked) == {judged, parallel}, "cases that are over are left alone"
    assert looked[judged].reasons == () and not looked[judged].moved
    assert looked[parallel].reasons == ("step protect (under way) is not in the new version",)
    assert _rows(on.engine) == rows, "a dry run changes nothing"

    moved = {one.case_id: one.moved for one in versions.migrate(ID, "im")}
    assert moved == {judged: True, parallel: False}
    with on.engine.connect() as connection:
        pinned = dict(connection.execute(sa.select(case.c.case_id, case.c.template_hash)).tuples().all())
    assert pinned == {judged: RENAMED.hash, parallel: shipped(ID).hash, ended: shipped(ID).hash}
    last = service.events(judged)[-1]
    assert isinstance(last, e.TemplateMigrated) and last.person_id == "im"
    assert replay(service.events(judged)) == service.case(judged)
    decide(service, judged, "judge")
    assert {t.step_id for t in service.case(judged).open_tasks} == {"supplier", "guard_orders"}
    assert {t.step_id for t in service.case(parallel).open_tasks} == {"supplier", "protect"}

    again = versions.migrate(ID, "im", cases=[judged, parallel])
    assert [(one.moved, bool(one.reasons)) for one in again] == [(False, True), (False, True)]
    with pytest.raises(VersionError, match="no case 'C-999999'"):
        versions.migrate(ID, "im", cases=["C-999999"])
    back = versions.migrate(ID, "im", to=shipped(ID).hash, cases=[judged])
    assert "step guard_orders" in back[0].reasons[0]


def _rows(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        states = connection.execute(
            sa.select(case.c.case_id, case.c.seq, case.c.template_hash).order_by(case.c.case_id)
        )
        return [*states.tuples(), connection.execute(sa.select(sa.func.count()).select_from(case_event)).scalar_one()]


def test_past_cases_are_replayed_from_the_store_and_nothing_changes(on: Processes) -> None:
    old = on.built(ProcessService, shipped(ID))
    case_id = old.open_case(request("S1")).case_id
    for step in ("judge", "supplier", "protect"):
        decide(old, case_id, step)
    due = old.due_service_steps()[0]
    old.complete_service(case_id, due.step_id, "run", {}, idempotency_key=due.idempotency_key)
    other = old.open_case(request("S2")).case_id
    rows = _rows(on.engine)
    renamed = {one.case_id: one for one in on.built(TemplateVersions, RENAMED).replay(ID)}
    assert renamed[other].same, "it stands before the step that changed"
    assert {(d.kind, d.step) for d in renamed[case_id].differences} == {
        ("path", "protect"),
        ("path", "guard_orders"),
        ("path", "assess"),
    }
    assert "nothing waits for the choice 'covered' in step protect" in renamed[case_id].stopped
    assert [one.case_id for one in on.built(TemplateVersions, shipped(ID)).replay(ID, limit=1)] == [other]
    assert all(one.same for one in on.built(TemplateVersions, shipped(ID)).replay(ID))
    assert _rows(on.engine) == rows


def _points(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> list[str]:
    """Every point that the call passes: before each of its statements, and around its commit."""
    monkeypatch.setattr(fault_points, "_passed", None)
    passed = fault_points.record()
    work()
    points = list(passed)
    monkeypatch.setattr(fault_points, "_passed", None)
    return points


def test_a_kill_leaves_every_case_moved_or_not_and_never_half(
    on: Processes, ops_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, versions = on.built(ProcessService, shipped(ID)), on.built(TemplateVersions, CHANGED)
    zeroth, first = (service.open_case(request(name)).case_id for name in ("zeroth", "first"))
    versions.migrate(ID, "im", cases=[zeroth])  # stores the version, which later ones need not
    points = _points(monkeypatch, lambda: versions.migrate(ID, "im", cases=[first]))
    assert "service.write.after_messages" in points and len(points) > 6
    cases = [service.open_case(request(f"S{number}")).case_id for number in range(len(points))]

    def migrate_one(case_id: str) -> Callable[[], object]:
        def work() -> object:
            child = Processes(open_engine(ops_url), on.clock)
            return child.built(TemplateVersions, CHANGED).migrate(ID, "im", cases=[case_id])

        return work

    left = []
    for point, case_id in zip(points, cases, strict=True):
        before = service.case(case_id)
        assert _killed_at(point, migrate_one(case_id)), point
        after = service.case(case_id)
        if point.endswith("after_commit"):
            assert after.template_hash == CHANGED.hash
        else:
            assert after == before, point
            left.append(case_id)
        assert replay(service.events(case_id)) == after
    assert [one.case_id for one in versions.migrate(ID, "im") if one.moved] == left
    assert {service.case(one).template_hash for one in cases} == {CHANGED.hash}
    assert all(len(service.events(one)) == len(service.events(first)) for one in cases), "moved once each"


def test_a_kill_leaves_a_version_in_force_with_who_put_it_there(
    on: Processes, ops_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on.built(ProcessService, shipped(ID)).open_case(request("S1"))
    versions = on.built(TemplateVersions, CHANGED)

    def rollback(service: TemplateVersions) -> object:
        return service.roll_back(ID, "im")

    def release(service: TemplateVersions) -> object:
        return service.release(ID, "im")

    for call, back in ((rollback, release), (release, rollback)):
        for point in _points(monkeypatch, partial(call, versions)):
            back(versions)
            before, told = versions.versions(ID), len(versions.changes(ID))

            def work(call: Callable[[TemplateVersions], object] = call) -> object:
                return call(Processes(open_engine(ops_url), on.clock).built(TemplateVersions, CHANGED))

            assert _killed_at(point, work), point
            done = point.endswith("after_commit")
            assert (versions.versions(ID) != before) == done, point
            assert len(versions.changes(ID)) == told + done, "what is in force and who did it go together"
            if not done:
                call(versions)


def _killed_at(point: str, work: Callable[[], object]) -> bool:
    """Run ``work`` in a child that dies at the point, as kill -9 would; whether it did."""
    child = os.fork()
    if child == 0:
        try:
            fault_points.arm(point)
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 137
