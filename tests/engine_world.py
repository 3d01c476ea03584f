"""A small company for tests of the process engine: people, calendar, environment, and a driver that plays a case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from resources.people import Directory, Person, directory
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.decide import decide
from workflow_jobs.engine.environment import Environment
from workflow_jobs.engine.events import Event
from workflow_jobs.engine.evolve import fold
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import Template, load_template
from workflow_jobs.engine.working_time import WorkingCalendar
from workflow_jobs.template_library import load_library

# Two persons per working role, one per manager's role; every line leads to the CEO.
STAFF: Mapping[str, tuple[str, str | None, tuple[str, ...]]] = {
    "ceo": ("Zhou Ceo", None, ("ceo",)),
    "cfo": ("Qian Cfo", "ceo", ("cfo",)),
    "pm": ("Sun Plant", "ceo", ("plant_manager",)),
    "qm": ("Li Quality", "pm", ("quality_manager",)),
    "q1": ("Wang One", "qm", ("quality_engineer",)),
    "q2": ("Wang Two", "qm", ("quality_engineer",)),
    "bm": ("Zhao Buying", "ceo", ("purchasing_manager",)),
    "b1": ("Wu One", "bm", ("buyer",)),
    "b2": ("Wu Two", "bm", ("buyer",)),
    "om": ("Zheng Prod", "pm", ("production_manager",)),
    "o1": ("Feng Plan", "om", ("production_planner",)),
    "lm": ("Chen Logistics", "pm", ("logistics_manager", "warehouse_manager")),
    "fm": ("Chu Finance", "cfo", ("finance_manager",)),
    "f1": ("Wei One", "fm", ("finance_analyst",)),
    "f2": ("Wei Two", "fm", ("finance_analyst",)),
    "sm": ("Jiang Sales", "ceo", ("sales_manager",)),
    "s1": ("Shen One", "sm", ("sales_rep",)),
    "s2": ("Shen Two", "sm", ("sales_rep",)),
    "im": ("Han It", "ceo", ("it_manager",)),
    "d1": ("Yang Data", "im", ("data_owner",)),
    "d2": ("Zhu Steward", "im", ("data_steward",)),
}
ROLES = tuple(sorted({role for _, _, roles in STAFF.values() for role in roles}))
JOBS = (
    "replan_production_job",
    "shadow_definition_job",
    "publish_definition_job",
    "grant_data_access_job",
    "revoke_data_access_job",
)
MONDAY = datetime(2026, 11, 16, 1, 30, tzinfo=UTC)  # 09:30 in Shanghai


def people(absences: Mapping[str, tuple[tuple[date, date], ...]] | None = None) -> Directory:
    return directory(
        (Person(person_id=i, name=name, manager_id=boss) for i, (name, boss, _) in STAFF.items()),
        ((i, role) for i, (_, _, roles) in STAFF.items() for role in roles),
        ((i, first, last) for i, spans in (absences or {}).items() for first, last in spans),
    )


@cache
def calendar() -> WorkingCalendar:
    return WorkingCalendar("CN", first_year=2023, last_year=2030)


@cache
def shipped(template_id: str) -> Template:
    return load_library(known_roles=ROLES, known_jobs=JOBS).get(template_id)


def small(steps: str, head: str = "") -> Template:
    """A template of the given steps (YAML, written at the left margin)."""
    text = (
        "id: small\nversion: 1\ntitle: {en: Small, zh: 小}\ndescription: {en: Small, zh: 小}\n"
        "owner_role: plant_manager\n"
        f"{head}steps:\n{steps}"
    )
    return load_template(text, file="small.yaml")


def human(step: str, role: str = "buyer", extra: str = "", outcomes: str = "") -> str:
    """One human step as a flow-style item, to be put into `small`."""
    choices = outcomes or "[{id: ok, title: {en: Ok, zh: 好}}]"
    return (
        f"{{id: {step}, kind: human, title: {{en: {step}, zh: 步}}, raci: {{responsible: {role}, "
        f"accountable: plant_manager}}, sla: PT4H, outcomes: {choices}{extra}}}"
    )


def service(step: str, attempts: int = 2) -> str:
    return (
        f"{{id: {step}, kind: service, title: {{en: {step}, zh: 步}}, raci: {{responsible: production_planner, "
        f"accountable: production_manager}}, job: replan_production_job, timeout: PT30M, attempts: {attempts}}}"
    )


@dataclass
class Play:
    """A case being played: keeps the log, folds it, and lets time pass only when told."""

    template: Template
    now: datetime = MONDAY
    directory: Directory = field(default_factory=people)
    loads: dict[str, float] = field(default_factory=dict)
    log: list[Event] = field(default_factory=list)
    current: CaseState | None = None
    calendars: Mapping[str, WorkingCalendar] = field(default_factory=dict)

    @property
    def state(self) -> CaseState:
        assert self.current is not None
        return self.current

    @property
    def env(self) -> Environment:
        return Environment(self.template, calendar(), self.directory, self.loads, self.calendars)

    @property
    def calendar_in_force(self) -> WorkingCalendar:
        """By which everybody works who has no calendar of his own."""
        return self.calendars.get("default", calendar())

    def do(self, command: c.Command) -> tuple[Event, ...]:
        events = decide(self.current, command, self.now, self.env)
        if events:
            self.current = fold(self.current, events)
            self.log += events
        return events

    def open(self, **given: Any) -> Play:
        fields: dict[str, Any] = {
            "case_id": "c1",
            "rule_id": "supplier_on_time_rate_low",
            "subject_kind": "supplier",
            "subject_id": "V000123",
            "subject_label": "Supplier 123",
            "metric": "metric_supplier_on_time_rate",
            "direction": "below",
            "observed": "0.7895",
            "threshold": "0.80",
            "snapshot_id": "s1",
        }
        self.do(c.OpenCase(**{**fields, **given}))
        return self

    def task(self, step: str) -> TaskState:
        """The step's open task."""
        return next(t for t in self.state.open_tasks if t.step_id == step)

    def choose(self, step: str, outcome: str, person: str | None = None, **form: Any) -> tuple[Event, ...]:
        task = self.task(step)
        who = person or task.assignee
        assert who is not None
        return self.do(
            c.DecideTask(task_id=task.task_id, task_version=task.version, person_id=who, outcome=outcome, form=form)
        )

    def wait(self, **span: float) -> Play:
        self.now += timedelta(**span)
        return self

    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.log]


JUDGED = {"impact_amount": "30000.00", "exception_cause": "transport"}
SUPPLIER = {"delivery_date": "2026-12-01", "supplier_measure": "Air freight"}


def to_assessment(play: Play, amount: str = "30000.00", **opening: Any) -> Play:
    """Play the supply exception up to finance."""
    play.open(**opening)
    play.choose("judge", "confirm", **{**JUDGED, "impact_amount": amount})
    play.choose("supplier", "agreed", **SUPPLIER)
    play.choose("protect", "covered")
    play.do(c.CompleteService(step_id="replan", run_id="r1", result={"work_orders": 3}))
    return play


def to_the_end(play: Play, amount: str = "30000.00", **opening: Any) -> Play:
    """Play the supply exception until it is closed and watches its effect."""
    to_assessment(play, amount, **opening)
    play.choose("assess", "approve", measure_cost="1200", cost_bearer="supplier")
    play.choose("promise", "updated", promised_date="2026-12-05")
    return play
