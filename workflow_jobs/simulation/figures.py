"""What an arm's record amounts to: the five figures and what explains them. Pure; nothing is fitted here.

The same functions read both arms.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean

from resources.people import Directory
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.simulation.assumptions import Assumptions
from workflow_jobs.simulation.course import Record
from workflow_jobs.simulation.happenings import COMPLAINT, NEW_PRODUCT, Happenings, Order

_DAY = timedelta(days=1)
_LAST_WEEKS = 4


@dataclass(frozen=True)
class Figures:
    """One arm of one seed. Days are calendar days, shares from 0 to 1; None where there was nothing to measure.

    ``missed_approvals`` were not given in the agreed working time by somebody who may, as metric_missed_approvals
    counts late ones; ``approvals_without`` never by such a person. ``sla_attainment`` is the share of all questions
    that somebody who may answered in time. ``asked_again`` counts repeated requests (chat) or reminders to the same
    person (platform), ``forgotten`` what somebody read and forgot.
    """

    cases: int
    ended: int
    questions: int
    product_approval_days: float | None
    order_to_cash_days: float | None
    order_to_cash_days_touched: float | None
    orders: int
    orders_touched: int
    consistency_score: float
    consistency_at_start: float
    approvals: int
    missed_approvals: int
    approvals_without: int
    sla_attainment: float | None
    asked_again: int
    forgotten: int
    case_days: Mapping[str, float]


def figures(
    assumed: Assumptions, directory: Directory, happened: Happenings, record: Record, scores: Sequence[float]
) -> Figures:
    """The figures of a finished arm; ``scores`` are its weekly consistency scores, the first one where it began."""
    answered = list(_answered(record))
    approvals = [(s, t) for s, t in answered if assumed.is_approval(s.template_id, t.step_id)]
    in_time = {t.task_id for _, t in answered if entitled(directory, record, t) and not t.late}
    orders = _order_days(assumed, happened, record)
    touched = {order for happening in record.happenings.values() for order in happening.orders}
    lasted: dict[str, list[float]] = defaultdict(list)
    for state in record.cases.values():
        if state.closed_at is not None:
            lasted[state.template_id].append((state.closed_at - state.opened_at) / _DAY)
    approval_days = [
        (at - record.cases[key].opened_at) / _DAY
        for key, happening in record.happenings.items()
        if happening.template == NEW_PRODUCT and (at := _released(assumed.approved_by, record.cases[key])) is not None
    ]
    return Figures(
        cases=len(record.cases),
        ended=sum(state.closed_at is not None and not state.is_open for state in record.cases.values()),
        questions=len(answered),
        product_approval_days=fmean(approval_days) if approval_days else None,
        order_to_cash_days=fmean(orders.values()) if orders else None,
        order_to_cash_days_touched=fmean(orders[o] for o in touched) if touched else None,
        orders=len(orders),
        orders_touched=len(touched),
        consistency_score=fmean(scores[-_LAST_WEEKS:]),
        consistency_at_start=scores[0],
        approvals=len(approvals),
        missed_approvals=sum(task.task_id not in in_time for _, task in approvals),
        approvals_without=sum(not entitled(directory, record, task) for _, task in approvals),
        sla_attainment=len(in_time) / len(answered) if answered else None,
        asked_again=record.asked_again,
        forgotten=record.forgotten,
        case_days={template: fmean(days) for template, days in sorted(lasted.items())},
    )


def entitled(directory: Directory, record: Record, task: TaskState) -> bool:
    """Whether somebody who may decide the task did: its assignee (who may stand in), or a holder of its roles."""
    by = record.decided.get(task.task_id)
    found = record.answers.get(task.task_id)
    if by is None or (found is not None and found.how != "answered"):
        return False
    holders = {*directory.candidates(task.role), *directory.candidates(task.accountable)}
    return by in holders or by == task.assignee


def _answered(record: Record) -> Iterator[tuple[CaseState, TaskState]]:
    """Every question to a person that was decided."""
    for state in record.cases.values():
        for task in state.tasks.values():
            if task.status == "decided":
                yield state, task


def _order_days(assumed: Assumptions, happened: Happenings, record: Record) -> dict[str, float]:
    """Days from order to cash of every order, with what its cases cost it."""
    slack = timedelta(days=assumed.company.slack_days.value)
    after = timedelta(days=assumed.company.pays_after_settlement_days.value)
    held: dict[str, timedelta] = defaultdict(timedelta)
    settled: dict[str, datetime] = {}
    for key, happening in record.happenings.items():
        state = record.cases[key]
        released = _released(assumed.released_by, state) or state.closed_at
        if released is None:
            continue
        for order in happening.orders:
            if happening.template == COMPLAINT:
                settled[order] = max(released + after, settled.get(order, released))
            else:
                held[order] += max(timedelta(), released - state.opened_at - slack)
    return {no: _days(order, held[no], settled.get(no)) for no, order in happened.orders.items()}


def _days(order: Order, held: timedelta, settled: datetime | None) -> float:
    paid = order.paid_at + held
    return ((paid if settled is None else max(paid, settled)) - order.ordered_at) / _DAY


def _released(until: Mapping[str, tuple[str, ...]], state: CaseState) -> datetime | None:
    """When the named steps of the case's template were all done; its end where none is named or it ended before."""
    steps = [state.steps.get(step) for step in until.get(state.template_id, ())]
    done = [step.completed_at for step in steps if step is not None and step.completed_at is not None]
    return max(done) if steps and len(done) == len(steps) else state.closed_at
