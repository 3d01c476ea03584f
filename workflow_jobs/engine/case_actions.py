"""What happens to a whole case from outside its tasks: signals, timers, the end of another case, withdrawal.

Belongs here: the rules of these commands. What they lead to is `routing`.
"""

from __future__ import annotations

from workflow_jobs.engine import asking, children, clocks, routing, signals
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.forms import read_form
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.shared_refusals import case_over
from workflow_jobs.engine.state import StepState
from workflow_jobs.engine.task_actions import stated_reason
from workflow_jobs.engine.template import ProcessStep, WaitStep


def send_signal(flow: Flow, command: c.SendSignal) -> None:
    """End the wait for this signal, with the fields that it brings."""
    still_open(flow)
    step = signals.awaited_step(flow, command)
    flow.emit(
        e.SignalReceived,
        step_id=step.id,
        signal=command.signal,
        data=read_form(step.form, command.data, "signalled"),
        person_id=command.person_id,
    )
    _over(flow, step, "signalled")


def fire_timers(flow: Flow, _command: c.FireTimers) -> None:
    """End every wait whose time has come and fire every due rung of the case's own ladder, in order of time."""
    while flow.state.is_open:
        rung_at = flow.state.rung_at
        due = [(step.wake_at, step.step_id) for step in flow.state.waits if step.wake_at is not None]
        first = min(due, default=None)
        if rung_at is not None and rung_at <= flow.now and (first is None or rung_at <= first[0]):
            clocks.fire_case(flow)
        elif first is not None and first[0] <= flow.now:
            _over(flow, _wait_step(flow, flow.state.steps[first[1]]), "elapsed")
        else:
            return


def _over(flow: Flow, step: WaitStep, outcome: str) -> None:
    if step.pauses_case:
        clocks.resume_case(flow, step)
    routing.complete(flow, step.id, outcome)


def _wait_step(flow: Flow, known: StepState) -> WaitStep:
    step = flow.layout.places[known.step_id].node
    assert isinstance(step, WaitStep)
    return step


def refuse_child(flow: Flow, command: c.RefuseChild) -> None:
    """Ask who answers for the process step what is to be done, because the other case cannot be opened."""
    step_id = children.waiting_for(flow.state, command.child_case_id)
    if step_id is None:
        raise Refused.to_program("child_not_awaited", f"No step waits for the case {command.child_case_id}.")
    step = flow.layout.places[step_id].node
    assert isinstance(step, ProcessStep)
    flow.emit(e.ChildRefused, step_id=step.id, child_case_id=command.child_case_id, reason=command.reason)
    asking.ask(flow, step, purpose="rescue")


def end_child(flow: Flow, command: c.EndChild) -> None:
    """Go on with the outcome of the case that a process step waited for, and with the fields that it brings."""
    step_id = children.waiting_for(flow.state, command.child_case_id)
    if step_id is None:
        raise Refused.to_program("child_not_awaited", f"No step waits for the case {command.child_case_id}.")
    step = flow.layout.places[step_id].node
    assert isinstance(step, ProcessStep)
    flow.emit(
        e.ChildEnded,
        step_id=step.id,
        child_case_id=command.child_case_id,
        outcome=command.outcome,
        data=children.brought(step, command.data),
    )
    routing.complete(flow, step.id, command.outcome)


def withdraw(flow: Flow, command: c.WithdrawCase) -> None:
    """Take the case back: who asked for it, or who answers for the process, where the template lets them.

    A case that another one opened may be the check of a request: who asked for both takes back only the whole.
    """
    still_open(flow)
    template, person, people = flow.env.template, command.person_id, flow.env.directory
    if template.closes == "on_resolution" or not template.withdrawn_by:
        raise Refused("not_withdrawable", "A case of this process is not taken back.", "该流程的事件单不可撤销。")
    parent, asked = flow.state.parent_case_id, flow.state.requested_by
    if parent is not None and person == asked:
        raise Refused(
            "own_request",
            f"This case belongs to your own request {parent}: withdraw {parent} instead.",
            f"该事件单属于您自己的申请 {parent}，请撤销 {parent}。",
        )
    may = {
        "requester": person == asked,
        "owner": person in people.candidates(template.owner_role),
    }
    if not any(may[who] for who in template.withdrawn_by):
        alone = asked is not None and parent is None and "requester" in template.withdrawn_by
        asked_by = people.name(asked or "")
        who = [(asked_by, f" {asked_by} ")] if alone else []
        if "owner" in template.withdrawn_by:
            who += [(f"the role {template.owner_role}", f"角色 {template.owner_role} ")]
        allowed, allowed_zh = " or ".join(en for en, _ in who), "或".join(zh for _, zh in who)
        raise Refused(
            "not_allowed",
            f"{people.name(person)} may not withdraw this case; {allowed or 'nobody'} may.",
            f"{people.name(person)} 无权撤销该事件单；{f'可由{allowed_zh}撤销' if who else '无人可以撤销'}。",
        )
    reason = stated_reason(command.reason)
    flow.emit(e.CaseWithdrawn, person_id=person, reason=reason)
    routing.close(flow, routing.WITHDRAWN)


def end_with_parent(flow: Flow, command: c.EndWithParent) -> None:
    """Take the case back because the case that opened it ended, or went on without it."""
    still_open(flow)
    if command.parent_case_id != flow.state.parent_case_id:
        sentence = f"The case {flow.case_id} does not belong to {command.parent_case_id}."
        raise Refused.to_program("not_allowed", sentence)
    flow.emit(e.CaseWithdrawn, person_id="", reason=command.reason)
    routing.close(flow, routing.WITHDRAWN)


def still_open(flow: Flow) -> None:
    """Refuse what needs an open case."""
    if not flow.state.is_open:
        raise case_over(flow.state)
