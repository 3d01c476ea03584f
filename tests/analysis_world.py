"""A year of one process, played through the real engine and store, and published: for tests of the analysis page.

Chance is seeded, so that every session sees the same cases. Half a year ago checking took longer and sent back more.
The last case was sent back and is under way.
"""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

from resources.clock import FixedClock
from tests.platform_world import LAST_MINUTE, copied_world
from workflow_jobs.cases import OpenRequest
from workflow_jobs.engine.template import Template, load_template
from workflow_jobs.engine.working_time import WorkingCalendar
from workflow_jobs.history import export_history
from workflow_jobs.service import ProcessService
from workflow_jobs.store.tables import outbox
from workflow_jobs.wiring import process_service

TEMPLATE = "sample_request"
TEXT = """
id: sample_request
version: 1
title: {en: "Sample request", zh: "样品申请"}
description: {en: "A sample is made, checked and released.", zh: "制作、检验并放行样品。"}
owner_role: quality_manager
ladder: [{at: 100, action: escalate, to: manager}]
steps:
  - id: make
    kind: human
    title: {en: "Make the sample", zh: "制作样品"}
    raci: {responsible: production_planner, accountable: production_manager}
    sla: P2D
    actions: {acknowledge: true}
    outcomes: [{id: made, style: primary, title: {en: "Made", zh: "已制作"}}]
  - id: check
    kind: human
    title: {en: "Check the sample", zh: "检验样品"}
    raci: {responsible: quality_engineer, accountable: quality_manager}
    sla: P1D
    actions: {acknowledge: true}
    outcomes:
      - {id: good, style: primary, title: {en: "Good", zh: "合格"}}
      - {id: bad, style: danger, title: {en: "Make it again", zh: "重新制作"}, returns_to: make}
    form: [{name: reason, type: text, title: {en: "What is wrong", zh: "问题"}, required: [bad]}]
  - id: release
    kind: human
    title: {en: "Release it", zh: "放行"}
    raci: {responsible: sales_rep, accountable: sales_manager}
    sla: P1D
    outcomes: [{id: released, style: primary, title: {en: "Release", zh: "放行"}}]
"""
CASES = 40
DAYS_APART = 4


class _OneTemplate:
    def get(self, template_id: str) -> Template:
        if template_id != TEMPLATE:
            raise LookupError(template_id)
        return load_template(TEXT, file=f"{TEMPLATE}.yaml")


def analysed_home(home: Path, published: Path) -> Path:
    """``published`` with the cases played, exported, refreshed and published in ``home``."""
    world = copied_world(home, published)
    platform = world.platform
    calendar = WorkingCalendar("CN")
    directory = process_service(platform).directory
    chance = random.Random(11)
    for number in range(CASES):
        began = LAST_MINUTE - timedelta(days=(CASES - number) * DAYS_APART + 12, hours=chance.randrange(14))
        # A clock of its own for each case: they overlap, and a clock does not go back.
        clock = FixedClock(began)
        service = ProcessService(
            platform.ops_engine, clock=clock, templates=_OneTemplate(), directory=directory, calendar=calendar
        )
        _play(service, clock, chance, number, whole=number < CASES - 1)
    with platform.ops_engine.begin() as connection:
        # Nobody waits for the messages of that year, and a channel takes one a second.
        connection.execute(outbox.delete())
    export_history(platform, process_service(platform))
    world.refresh()
    world.close()
    return home


def _play(service: ProcessService, clock: FixedClock, chance: random.Random, number: int, *, whole: bool) -> None:
    """One case to its end, or else until it is sent back; those of the older half wait longer and are sent back more
    often.
    """
    old = number < CASES // 2
    case_id = service.open_case(
        OpenRequest(
            template_id=TEMPLATE, rule_id=f"sample-{number}", subject_kind="sample", subject_id=f"P-{number:03d}"
        )
    ).case_id  # fmt: skip
    returns = 0
    while tasks := service.tasks(case_id=case_id):
        task = tasks[0]
        clock.advance(timedelta(hours=chance.uniform(1, 70 if old and task.step_id == "check" else 26)))
        if task.step_id != "release" and chance.random() < 0.7:
            service.acknowledge(task.task_id, task.assignee or "")
            clock.advance(timedelta(hours=chance.uniform(1, 6)))
        bad = task.step_id == "check" and (not whole or (returns < 2 and chance.random() < (0.5 if old else 0.2)))
        returns += bad
        outcome = {"make": "made", "check": "bad" if bad else "good", "release": "released"}[task.step_id]
        task = service.task(task.task_id)
        form = {"reason": "A scratch"} if bad else {}
        service.decide_task(task.task_id, task.version, task.assignee or "", outcome, form)
        if bad and not whole:
            return
