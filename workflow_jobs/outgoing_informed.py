"""What those informed hear of steps that ask nobody: jobs, waits, other processes.

Belongs here: when and what. Those informed of a human step are told with its task (outgoing_people). Pure.

The moments are those of ``informs_at``: ``asked`` is when the step begins; ``late`` when its job has failed for good,
the other case cannot be opened, or the awaited signal did not come in time; ``decided`` when it is done. What begins
and ends with one command is told once, and so is an end that is both late and done.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from workflow_jobs.engine import events as e
from workflow_jobs.engine.consultations import informed_roles
from workflow_jobs.engine.parts import Moment
from workflow_jobs.engine.question import DONE_BY_HAND
from workflow_jobs.engine.state import CaseState
from workflow_jobs.outgoing_waits import asked_to_say, end_of
from workflow_jobs.outgoing_writer import Line, Writer
from workflow_jobs.slack import wait_messages
from workflow_jobs.slack.case_lines import ending, step_title
from workflow_jobs.slack.wording import CardContext

_KINDS = ("service", "wait", "process")
OfStep = e.StepEntered | e.StepCompleted | e.ServiceFailed | e.ChildRefused


def tell(writer: Writer, before: CaseState | None, events: Sequence[e.Event]) -> None:
    """Tell those informed of what these events say of such steps, each once for each moment."""
    for event in events:
        if not isinstance(event, OfStep) or writer.case.steps[event.step_id].kind not in _KINDS:
            continue
        if isinstance(event, e.StepEntered):
            _begun(writer, event, before)
        elif isinstance(event, e.StepCompleted):
            _done(writer, event, events)
        elif isinstance(event, e.ChildRefused):
            _tell(writer, event, "late", partial(_refused, event))
        elif event.final:
            _tell(writer, event, "late", _says("service_failed"))


def _begun(writer: Writer, event: e.StepEntered, before: CaseState | None) -> None:
    case = writer.case
    step = case.steps[event.step_id]
    over = step.status == "completed" and not informed_roles(writer.telling.template, step.step_id, "decided")
    if step.visit != event.visit or not (over or step.status in ("active", "failed")):
        return
    if before is not None and not before.is_open and case.reopened > 1:
        return  # a cause that comes and goes is counted on the case's card
    if step.kind != "wait":
        _tell(writer, event, "asked", _says("service" if step.kind == "service" else "process_opened"))
    elif informed_roles(writer.telling.template, step.step_id, "asked"):
        # Who is asked to say that it has happened has a message of his own about the same.
        _tell(writer, event, "asked", partial(wait_messages.until_line, step), asked_to_say(writer, step))


def _done(writer: Writer, event: e.StepCompleted, events: Sequence[e.Event]) -> None:
    step = writer.case.steps[event.step_id]
    if _by_hand(writer.case, event):
        return  # told with the decision of who did it
    moment: Moment = "decided"
    but: Collection[str] = ()
    what: Line = _says("step_done")
    if step.kind == "wait":
        end = end_of(writer, step, events)
        what = partial(wait_messages.end_words, end)
        but = () if end.person_id is None else (end.person_id,)
        missed = end.how == "elapsed" and bool(step.signal)
        if missed and not informed_roles(writer.telling.template, step.step_id, "decided"):
            moment = "late"
    elif step.kind == "process":
        what = partial(_process_done, writer, event)
    _tell(writer, event, moment, what, but)


def _tell(writer: Writer, event: OfStep, moment: Moment, what: Line, but: Collection[str] = ()) -> None:
    told = writer.telling
    roles = informed_roles(told.template, event.step_id, moment)
    if not roles:
        return
    writer.seq = event.seq
    name = f"informed/{moment}/{event.step_id}.{writer.case.steps[event.step_id].visit}"

    def line(context: CardContext) -> str:
        return f"{step_title(told.template, event.step_id, context)}: {what(context)}"

    under_way = writer.case.steps[event.step_id].status == "active"
    knowing = writer.knows_of_asking if moment == "asked" and under_way else ()
    writer.tell(name, writer.holders(roles, {*but, *knowing}), line, "informed")


def _says(key: str) -> Line:
    """One of the cards' own words."""
    return lambda context: context.word(key)


def _refused(event: e.ChildRefused, context: CardContext) -> str:
    return f"{context.word('process_refused')}: {event.reason}"


def _process_done(writer: Writer, event: e.StepCompleted, context: CardContext) -> str:
    return f"{context.word('step_done')} ({ending(event.outcome, writer.telling.template, context)})"


def _by_hand(case: CaseState, event: e.StepCompleted) -> bool:
    rescues = (task for task in case.tasks.values() if task.step_id == event.step_id and task.purpose == "rescue")
    return any(task.outcome == DONE_BY_HAND and task.decided_at == event.at for task in rescues)
