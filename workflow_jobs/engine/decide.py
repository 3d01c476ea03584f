"""Commands in, events out. The one place where it is decided what may happen to a case.

`decide` is a pure function: no clock, no randomness, no I/O. It either returns the events that the command causes (an
empty tuple: nothing to do) or raises Refused with a code and a sentence; either way it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from workflow_jobs.engine import (
    asking,
    case_actions,
    clock_changes,
    clocks,
    consultations,
    hand_overs,
    learning,
    pauses,
    routing,
    rungs,
    task_actions,
    tier_changes,
    votes,
    whom,
)
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.conditions import ConditionError, compile_condition, effect_variables
from workflow_jobs.engine.environment import Environment
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.forms import read_form, read_inputs
from workflow_jobs.engine.question import DONE_BY_HAND, RETRY, question_of
from workflow_jobs.engine.refusal import BadValue, EngineError, Refused
from workflow_jobs.engine.shared_refusals import case_over
from workflow_jobs.engine.state import CaseState, StepState
from workflow_jobs.engine.task_actions import current_task
from workflow_jobs.engine.template import ProcessStep, RescuedStep, ServiceStep, Template
from workflow_jobs.engine.texts import readable, readable_text, require_readable
from workflow_jobs.engine.values import Number, decimal_text, plain

MAX_LOOKS: Final = 7
LOOK_AGAIN_AFTER: Final = timedelta(days=1)


def decide(state: CaseState | None, command: c.Command, now: datetime, env: Environment) -> tuple[e.Event, ...]:
    """The events that the command causes at `now` (aware). The template must be the one that the case pinned.

    Raises Refused for what the case does not allow, EngineError for a caller's mistake.
    """
    return decide_and_fold(state, command, now, env)[0]


def decide_and_fold(
    state: CaseState | None, command: c.Command, now: datetime, env: Environment
) -> tuple[tuple[e.Event, ...], CaseState]:
    """Like `decide`, with the state after the events: a decision folds them anyway."""
    if now.utcoffset() is None:
        raise EngineError(f"{now!r} is a naive time: the engine takes aware instants")
    now = now.astimezone(UTC)
    if isinstance(command, c.OpenCase):
        if state is not None:
            raise Refused.to_program("case_exists", f"The case {state.case_id} exists already.")
        flow = _open(command, now, env)
        return tuple(flow.events), flow.state
    if state is None:
        raise Refused.to_program("no_such_case", "There is no such case.")
    if state.template_hash != env.template.hash:
        raise EngineError(f"case {state.case_id} pinned {state.template_hash}, the environment has {env.template.hash}")
    flow = Flow(state.case_id, state, now, env)
    _HANDLERS[type(command)](flow, command)
    tier_changes.follow(flow, state)
    return tuple(flow.events), flow.state


def _open(command: c.OpenCase, now: datetime, env: Environment) -> Flow:
    template = env.template
    if not template.hash:
        raise EngineError("the template was not read by load_template: it has no content hash to pin")
    data = read_inputs(template.inputs, command.data)
    if command.parent_case_id is None:  # else the texts are those of the case that opens it
        _require_readable(command)
    flow = Flow(command.case_id, None, now, env)
    flow.emit(
        e.CaseOpened,
        template_id=template.id,
        template_hash=template.hash,
        priority=command.priority or template.priority,
        rule_id=command.rule_id,
        subject_kind=command.subject_kind,
        subject_id=command.subject_id,
        subject_label=command.subject_label,
        metric=command.metric,
        direction=command.direction,
        observed=_number("observed", command.observed),
        threshold=_number("threshold", command.threshold),
        snapshot_id=command.snapshot_id,
        requested_by=command.requested_by,
        data=data,
        breaches=max(1, command.times or 1),
        parent_case_id=command.parent_case_id,
        parent_step_id=command.parent_step_id,
    )
    clocks.start_case(flow)
    routing.enter(flow, template.steps[0])
    return flow


def _require_readable(command: c.OpenCase) -> None:
    for name in ("rule_id", "subject_kind", "subject_id", "subject_label", "metric", "snapshot_id", "requested_by"):
        try:
            require_readable(getattr(command, name))
        except BadValue as bad:
            raise Refused("input_invalid", f"The case's {name} {bad}.", f"事件单的 {name}：{bad.chinese}。") from bad


def _record_breach(flow: Flow, command: c.RecordBreach) -> None:
    if not flow.state.holds_key:
        raise case_over(flow.state)
    if command.snapshot_id != flow.state.latest_snapshot_id:
        _seen(flow, command, only_news=command.times is None)


def _seen(flow: Flow, command: c.RecordBreach | c.ReopenIncident, *, only_news: bool = False) -> None:
    """``only_news``: every refresh looks again; while the figure and what is told of it stay, nothing happened."""
    state = flow.state
    # What was kept before texts were looked through must not stand in the way.
    known = {name: readable(value) for name, value in state.data.items()} if command.data else {}
    data = read_inputs(flow.env.template.inputs, {**known, **command.data}) if command.data else {}
    news = {name: value for name, value in data.items() if state.data.get(name) != value}
    observed = _number("observed", command.observed)
    if only_news and not news and _same(observed, state.latest_observed):
        return
    breaches = max(state.breaches + 1, command.times or 0)
    flow.emit(e.BreachRecorded, observed=observed, snapshot_id=command.snapshot_id, breaches=breaches, data=news)


def _decide_task(flow: Flow, command: c.DecideTask) -> None:
    task = current_task(flow, command.task_id, command.task_version, command.person_id)
    question = question_of(flow.env.template, task)
    outcome = question.outcome(command.outcome)
    if outcome is None:
        offered = ", ".join(o.id for o in question.outcomes)
        offered_zh = "、".join(o.title.zh for o in question.outcomes)
        raise Refused(
            "unknown_outcome",
            f"{command.outcome!r} is no choice of this task (its choices: {offered}).",
            f"该任务没有选项 {command.outcome!r}（可选：{offered_zh}）。",
        )
    form = read_form(question.form, command.form, outcome.id)
    if task_actions.is_advice(task, command.person_id):
        hand_overs.advise(flow, task, command.person_id, outcome.id, form)
        return
    if task.paused_until is not None:
        # What rested until now is nobody's working time.
        clocks.resume(flow, task, "decided", command.person_id)
        task = flow.state.tasks[task.task_id]
    owner = task.delegated_by or task.assignee
    flow.emit(
        e.TaskDecided,
        task_id=task.task_id,
        step_id=task.step_id,
        version=task.version,
        person_id=command.person_id,
        outcome=outcome.id,
        form=form,
        acting_for=owner if owner != command.person_id else None,
        late=flow.now > task.due_at,
        one_of_several=votes.one_of_several(flow.state, flow.layout, task),
    )
    step = flow.layout.places[task.step_id].node
    if isinstance(step, ServiceStep | ProcessStep):
        _rescued(flow, step, outcome.id)
    else:
        votes.conclude(flow, task.task_id)


def _rescued(flow: Flow, step: RescuedStep, outcome: str) -> None:
    """Go on as somebody decided about a failed job, or about a case that could not be opened: once, whoever else is
    asked about it.
    """
    if flow.state.steps[step.id].status not in routing.UNDER_WAY:
        raise Refused(
            "step_not_waiting",
            f"The step {step.id} is over: it is not to be rescued any more.",
            f"步骤 {step.id} 已结束，无需再处理。",
        )
    _withdraw_rescue(flow, step, f"decided already: {outcome}")
    if outcome != RETRY:
        routing.complete(flow, step.id, DONE_BY_HAND)
    elif isinstance(step, ProcessStep):
        routing.open_child(flow, step)
    else:
        routing.request(flow, step)


def _reassign_absent(flow: Flow, _command: c.ReassignAbsent) -> None:
    for task in flow.state.open_tasks:
        if task.pooled:
            continue
        if task.assignee is None or whom.is_away(flow, task.assignee):
            asking.reassign(flow, task)


def _hand_out_pool(flow: Flow, _command: c.HandOutPool) -> None:
    for task in flow.state.open_tasks:
        until = clocks.claim_until(task, flow.env.calendar_named(task.calendar))
        if until is not None and until <= flow.now:
            asking.hand_out(flow, task)


def _complete_service(flow: Flow, command: c.CompleteService) -> None:
    step, known = _service(flow, command.step_id)
    if known.status not in ("active", "failed") or _other_visit(known, command.idempotency_key):
        raise _not_waiting(step)
    _withdraw_rescue(flow, step, "the job finished after all")
    flow.emit(e.ServiceCompleted, step_id=step.id, run_id=command.run_id, result=_result(command.result))
    routing.complete(flow, step.id, "completed")


def _fail_service(flow: Flow, command: c.FailService) -> None:
    step, known = _service(flow, command.step_id)
    if known.status not in ("active", "failed") or _other_visit(known, command.idempotency_key):
        raise _not_waiting(step)
    reported_before = known.status == "failed" or (command.run_id != "" and command.run_id == known.run_id)
    if not reported_before and command.attempt in (None, known.attempt):
        _failed(flow, step, known, command.run_id, command.error, final=command.final)


def _time_out(flow: Flow, _command: c.TimeOutServices) -> None:
    for known in flow.state.waiting_services:
        if known.timeout_at is not None and known.timeout_at <= flow.now:
            step, _ = _service(flow, known.step_id)
            _failed(flow, step, known, "", f"no answer by {known.timeout_at.isoformat()}", final=False)


def _failed(flow: Flow, step: ServiceStep, known: StepState, run_id: str, error: str, *, final: bool) -> None:
    final, error = final or known.attempt >= step.attempts, readable_text(error)
    flow.emit(e.ServiceFailed, step_id=step.id, run_id=run_id, error=error, attempt=known.attempt, final=final)
    if final:
        asking.ask(flow, step, purpose="rescue")
    else:
        routing.request(flow, step)


def _withdraw_rescue(flow: Flow, step: RescuedStep, reason: str) -> None:
    for task in flow.state.open_tasks:
        if task.step_id == step.id:
            asking.withdraw(flow, task, reason)


def _resolve(flow: Flow, _command: c.ResolveIncident) -> None:
    if flow.env.template.closes != "on_resolution":
        sentence = "This case closes after its last step, not when a check passes."
        raise Refused.to_program("not_resolvable", sentence)
    case_actions.still_open(flow)
    routing.close(flow, "resolved")


def _join(flow: Flow, command: c.JoinIncident) -> None:
    if flow.env.template.closes != "on_resolution":
        sentence = "This case closes after its last step; it cannot become part of another."
        raise Refused.to_program("not_resolvable", sentence)
    if command.into == flow.state.case_id:
        raise EngineError(f"case {command.into} cannot become part of itself")
    case_actions.still_open(flow)
    routing.close(flow, "joined", joined=command.into)


def _reopen(flow: Flow, command: c.ReopenIncident) -> None:
    state = flow.state
    if not reopenable(state, flow.env.template, flow.now):
        sentence = f"The case {state.case_id} is {state.status} and is not opened again."
        raise Refused.to_program("not_reopenable", sentence)
    under_way = routing.withdrawn_with_case(flow)
    flow.emit(e.CaseReopened, reopened=state.reopened + 1, reason="its cause is back")
    clocks.reopen_case(flow, state.closed_at)
    _seen(flow, command)
    routing.go_on(flow, under_way)


def reopenable(state: CaseState, template: Template, now: datetime) -> bool:
    """Whether the case goes on when its cause is back at `now`: it ended by itself, not longer ago than is stated."""
    if template.reopens_within is None or state.status != "closed" or state.closed_at is None:
        return False
    return state.outcome in ("resolved", "joined") and now <= state.closed_at + template.reopens_within.clock()


def _judge_effect(flow: Flow, command: c.JudgeEffect) -> None:
    state, effect = flow.state, flow.env.template.effect
    if effect is None or state.status != "watching_effect" or state.effect_due_at is None:
        raise Refused.to_program("effect_not_due", "This case does not wait for an effect.")
    if flow.now < state.effect_due_at:
        sentence = f"The effect is to be judged from {state.effect_due_at.isoformat()} on."
        raise Refused.to_program("effect_not_due", sentence)
    assert state.closed_at is not None
    over = flow.env.calendar.local_date(state.closed_at + effect.window.clock())
    too_early = command.as_of is not None and command.as_of < over
    observed = None if too_early else _number("observed", command.observed)
    effective: bool | None = None
    note = ""
    if observed is None:
        if state.effect_attempt < MAX_LOOKS:
            flow.emit(e.EffectDue, due_at=flow.now + LOOK_AGAIN_AFTER, attempt=state.effect_attempt + 1)
            return
        note = f"no figure in {MAX_LOOKS} looks"
    else:
        try:
            effective = compile_condition(effect.rule).holds(effect_variables(state, observed))
        except ConditionError as error:
            note = str(error)
    flow.emit(
        e.EffectJudged,
        effective=effective,
        observed=observed,
        snapshot_id=command.snapshot_id,
        note=note,
        as_of="" if command.as_of is None else command.as_of.isoformat(),
    )
    if effective is not False:
        return
    reason = f"{state.metric or 'the metric'} was {observed} after {effect.window}, rule {effect.rule}"
    if effect.on_failure == "reopen" and state.reopened < effect.max_reopens:
        routing.begin_again(flow, reason)
    else:
        owner = flow.env.template.owner_role
        flow.emit(e.EffectEscalated, to=f"role:{owner}", to_person=whom.person_for(flow, "owner", None), reason=reason)


def _service(flow: Flow, step_id: str) -> tuple[ServiceStep, StepState]:
    place = flow.layout.places.get(step_id)
    if place is None or not isinstance(place.node, ServiceStep):
        raise Refused.to_program("unknown_step", f"{flow.env.template.id} has no service step {step_id!r}.")
    known = flow.state.steps.get(step_id)
    if known is None:
        raise _not_waiting(place.node)
    return place.node, known


def _other_visit(known: StepState, key: str | None) -> bool:
    return key is not None and key != known.idempotency_key


def _not_waiting(step: ServiceStep) -> Refused:
    return Refused.to_program("step_not_waiting", f"The step {step.id} does not wait for a job's result.")


def _result(result: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {readable_text(str(key)): readable(plain(value)) for key, value in result.items()}
    except ValueError as error:
        raise EngineError(f"the result of a service step must be plain JSON: {error}") from error


def _same(one: str | None, other: str | None) -> bool:
    return one == other or (one is not None and other is not None and Decimal(one) == Decimal(other))


def _number(name: str, value: Number | None) -> str | None:
    try:
        return None if value is None else decimal_text(value)
    except ValueError as error:
        raise EngineError(f"{name}: {error}") from error


_HANDLERS: Final[Mapping[type[Any], Callable[[Flow, Any], None]]] = {
    c.RecordBreach: _record_breach,
    c.DecideTask: _decide_task,
    c.Acknowledge: task_actions.acknowledge,
    c.SnoozeTask: task_actions.snooze,
    c.WakeTask: task_actions.wake,
    c.AssignTask: hand_overs.assign,
    c.DelegateTask: hand_overs.delegate,
    c.ClaimTask: hand_overs.claim,
    c.ReleaseTask: hand_overs.release,
    c.AddApprover: hand_overs.add_approver,
    c.AnswerConsultation: consultations.answer,
    c.RateCase: learning.rate,
    c.ReassignAbsent: _reassign_absent,
    c.HandOutPool: _hand_out_pool,
    c.CompleteService: _complete_service,
    c.FailService: _fail_service,
    c.TimeOutServices: _time_out,
    c.PauseTask: pauses.pause_task,
    c.FireRungs: rungs.fire_rungs,
    c.RecomputeClocks: clock_changes.recompute,
    c.ResolveIncident: _resolve,
    c.ReopenIncident: _reopen,
    c.JoinIncident: _join,
    c.JudgeEffect: _judge_effect,
    c.WithdrawCase: case_actions.withdraw,
    c.EndWithParent: case_actions.end_with_parent,
    c.SendSignal: case_actions.send_signal,
    c.RefuseChild: case_actions.refuse_child,
    c.EndChild: case_actions.end_child,
    c.FireTimers: case_actions.fire_timers,
}
