"""Whatever a case holds and however far it got, its cards are valid Block Kit in both languages."""

from __future__ import annotations

from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine_world import Play, people, shipped
from tests.process_world import REGULAR
from workflow_jobs import slack_messages, slack_modal
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.question import question_of
from workflow_jobs.slack_text import CardContext, MetricFigure

ANY_TEXT = st.text(max_size=4000)
STEPS = ["judge", "supplier", "protect", "assess", "promise"]


def _contributors(label: str, shares: list[Fraction], unit: str) -> dict[str, Any]:
    """As ops_assets.contributors writes them into the case."""
    top: list[dict[str, Any]] = [
        {"dimension": label, "member": label, "label": label, "contribution_exact": str(share), "share": float(share)}
        for share in shares
    ]
    periods: dict[str, Any] = {"from": {"period": "2026-09"}, "to": {"period": "2026-10"}}
    body: dict[str, Any] = {**periods, "movement_exact": str(sum(shares, Fraction(0))), "unit": unit, "decimals": 2}
    body |= {"top": top} if top else {}
    return {"contributors": body if top else {"unknown": {"en": label, "zh": label}}}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    label=ANY_TEXT,
    subject=ANY_TEXT,
    note=st.text(min_size=1, max_size=2000).filter(str.strip),
    observed=st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=6),
    language=st.sampled_from(["en", "zh"]),
    depth=st.integers(0, 5),
    unit=st.sampled_from(["percent", "days", "count", "cny", "ratio", "score", "hours"]),
    shares=st.lists(st.fractions(-100, 100, max_denominator=10**9), max_size=5),
)
def test_every_card_is_valid(
    label: str, subject: str, note: str, observed: Any, language: str, depth: int, unit: str, shares: list[Fraction]
) -> None:
    game = Play(shipped("supply_exception"))
    game.do(
        c.OpenCase(
            case_id="C-1",
            rule_id="r",
            subject_id=subject,
            subject_label=label,
            metric="m",
            direction="above",
            observed=observed,
            threshold=observed,
            snapshot_id="s",
            data={
                "as_of": "2026-11-15",
                "rule_kind": "change",
                "why": {"en": note},
                **_contributors(label, shares, unit),
            },
        )
    )
    context = CardContext(
        language=language,
        zone=ZoneInfo("Asia/Shanghai"),
        name=people().name,
        figure=MetricFigure(label or "m", note, unit, 2),
    )
    for step in STEPS[:depth]:
        if step == "assess":
            game.do(c.CompleteService(step_id="replan", run_id="r"))
        task = next(t for t in game.state.open_tasks if t.step_id == step)
        outcome, form = REGULAR[step]
        if step == "supplier":
            form = form | {"supplier_measure": note}
        game.do(
            c.DecideTask(
                task_id=task.task_id, task_version=1, person_id=task.assignee or "", outcome=outcome, form=form
            )
        )
    for task in game.state.tasks.values():
        # Constructing a message validates it; these must not raise.
        slack_messages.task_card(game.state, task, game.template, context, notes=["80 %", note[:200]])
        slack_messages.closed_task_card(game.state, task, game.template, context)
        slack_messages.moved_card(game.state, task, game.template, context)
        slack_messages.escalation_card(game.state, task, game.template, context, percent=100, can_act=True)
        for outcome_ in question_of(game.template, task).outcomes:
            slack_modal.decision_modal(game.state, task, game.template, context, outcome=outcome_.id)
    slack_messages.case_card(game.state, game.template, context)
    slack_messages.notice(game.state, game.template, context, note, heading="h")
