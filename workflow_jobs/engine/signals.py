"""Signals that end a wait: who may say that it has happened, and that the very wait is meant which he was asked about.

Belongs here: these two questions. What a signal leads to is `case_actions`; when a wait ends by itself is `waits`.
"""

from __future__ import annotations

from workflow_jobs.engine import commands as c
from workflow_jobs.engine import whom
from workflow_jobs.engine.environment import PeopleView
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.shared_refusals import status_zh
from workflow_jobs.engine.state import CaseState, StepState
from workflow_jobs.engine.template import Template, WaitStep


def wait_key(step: StepState) -> str:
    """Names one visit of a wait step within its case: `<step>.<visit>`."""
    return f"{step.step_id}.{step.visit}"


def awaited(state: CaseState) -> tuple[StepState, ...]:
    """The waits that a signal would end now."""
    return tuple(step for step in state.waits if step.signal)


def wait_step(template: Template, step_id: str) -> WaitStep | None:
    """The wait step of that id, if the template has one."""
    place = layout_of(template).places.get(step_id)
    return place.node if place is not None and isinstance(place.node, WaitStep) else None


def roles_who_may(template: Template, state: CaseState, people: PeopleView, step: WaitStep) -> tuple[str, ...]:
    """The roles whose holders may say that it has happened: responsible, accountable, the template's owner."""
    raci = step.raci
    named = [raci.accountable] if raci.responsible is None else [raci.responsible, raci.accountable]
    return tuple(dict.fromkeys((*(whom.meant(role, state.data, people) for role in named), template.owner_role)))


def may_say(template: Template, state: CaseState, people: PeopleView, step: WaitStep, person_id: str) -> bool:
    """Whether a person may say that it has happened."""
    return any(person_id in people.candidates(role) for role in roles_who_may(template, state, people, step))


def awaited_step(flow: Flow, command: c.SendSignal) -> WaitStep:
    """The wait step that the signal ends. Refused where none waits for it (any more), or the person may not say it."""
    if command.wait is not None:
        _require_current(flow, command.wait)
    waiting = [step for step in awaited(flow.state) if step.signal == command.signal]
    if command.wait is not None:
        waiting = [step for step in waiting if wait_key(step) == command.wait]
    if not waiting:
        known = ", ".join(sorted({step.signal for step in awaited(flow.state)}))
        raise Refused(
            "signal_not_awaited",
            f"No step waits for {command.signal!r} now; the case waits for {known or 'no signal'}.",
            f"当前没有步骤等待 {command.signal!r}；事件单正在等待：{known or '无'}。",
        )
    step = wait_step(flow.env.template, waiting[0].step_id)
    assert step is not None
    people, person = flow.env.directory, command.person_id
    if person is not None and not may_say(flow.env.template, flow.state, people, step, person):
        roles = roles_who_may(flow.env.template, flow.state, people, step)
        raise Refused(
            "not_allowed",
            f"{people.name(person)} may not say this; it takes the role {' or '.join(roles)}.",
            f"{people.name(person)} 无权告知此事，须由角色 {' 或 '.join(roles)} 告知。",
        )
    return step


def _require_current(flow: Flow, wait: str) -> None:
    step_id = wait.rpartition(".")[0]
    known, step = flow.state.steps.get(step_id), wait_step(flow.env.template, step_id)
    if known is None or step is None:
        raise Refused("stale_wait", f"The case has no wait {wait!r}.", f"该事件单没有等待 {wait!r}。")
    if wait_key(known) == wait and known.status == "active":
        return
    if wait_key(known) != wait and known.status == "active":
        why = "this is waited for anew since then. Please use the latest message.", "此后已重新等待，请使用最新消息。"
    elif wait_key(known) == wait and known.outcome == "signalled":
        why = "this was said already, and the case has gone on.", "已有人告知，流程已继续。"
    elif wait_key(known) == wait and known.outcome == "elapsed":
        why = "its time was over before this was said, and the case has gone on.", "告知前等待时间已到，流程已继续。"
    else:
        status = flow.state.status.replace("_", " ")
        why = (
            f"nobody waits for this any more; the case is {status}.",
            f"已不再等待；事件单状态：{status_zh(flow.state)}。",
        )
    raise Refused("stale_wait", f"{step.title.en}: {why[0]}", f"{step.title.zh}：{why[1]}")
