"""The log of a case as visits of its steps: in hand or waiting, pauses, returns, reopening."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from workflow_jobs.step_visits import StepVisit, TaskFate, Working, step_visits

START = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)


def minutes(span: timedelta) -> float:
    return span.total_seconds() / 60


def fold(*told: tuple[int, str, dict[str, Any]]) -> tuple[list[StepVisit], dict[str, TaskFate]]:
    """(minute, type, fields) of each event; every minute is working time."""
    return fold_all([{"minute": minute, "type": kind, **fields} for minute, kind, fields in told])


def fold_all(told: Sequence[dict[str, Any]]) -> tuple[list[StepVisit], dict[str, TaskFate]]:
    return step_visits(events_of(told), lambda _calendar: lambda start, end: end - start)


def events_of(told: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**fields, "seq": number, "at": (START + timedelta(minutes=fields["minute"])).isoformat()}
        for number, fields in enumerate(told, 1)
    ]


def entered(minute: int, step: str, visit: int = 1, kind: str = "human") -> tuple[int, str, dict[str, Any]]:
    return minute, "StepEntered", {"step_id": step, "kind": kind, "visit": visit}


def asked(minute: int, task: str, step: str, **more: Any) -> tuple[int, str, dict[str, Any]]:
    return minute, "TaskCreated", {"task_id": task, "step_id": step, "role": "buyer", "assignee": "P1", **more}


def on(minute: int, kind: str, task: str, **more: Any) -> tuple[int, str, dict[str, Any]]:
    return minute, kind, {"task_id": task, "person_id": "P1", **more}


def done(minute: int, step: str, outcome: str = "ok") -> tuple[int, str, dict[str, Any]]:
    return minute, "StepCompleted", {"step_id": step, "outcome": outcome}


def spent(visit: StepVisit) -> tuple[float, float]:
    return minutes(visit.working), minutes(visit.waiting)


def test_a_step_waits_until_somebody_takes_it_up() -> None:
    (visit,), fates = fold(
        entered(0, "a"), asked(0, "t", "a"), on(30, "TaskAcknowledged", "t"), on(50, "TaskDecided", "t"), done(50, "a")
    )
    assert spent(visit) == (50, 30)
    assert (visit.status, visit.outcome, visit.assignee, visit.role) == ("completed", "ok", "P1", "buyer")
    assert fates["t"] == TaskFate("t", "decide", "decided", START + timedelta(minutes=50), False)


def test_a_decision_at_once_leaves_no_time_in_hand() -> None:
    (visit,), _ = fold(entered(0, "a"), asked(0, "t", "a"), on(40, "TaskDecided", "t"), done(40, "a"))
    assert spent(visit) == (40, 40)


def test_a_rest_waits_and_afterwards_the_task_is_in_hand() -> None:
    (visit,), _ = fold(
        entered(0, "a"), asked(0, "t", "a"), on(10, "TaskPaused", "t"), on(60, "TaskResumed", "t", because="over"),
        on(70, "TaskDecided", "t"), done(70, "a"),
    )  # fmt: skip
    assert spent(visit) == (70, 60)


def test_who_gets_it_next_has_to_take_it_up_again() -> None:
    (visit,), _ = fold(
        entered(0, "a"), asked(0, "t", "a"), on(10, "TaskAcknowledged", "t"),
        on(20, "TaskReassigned", "t", assignee="P2"), on(50, "TaskAcknowledged", "t"), on(55, "TaskDecided", "t"),
        done(55, "a"),
    )  # fmt: skip
    assert spent(visit) == (55, 40)
    assert (visit.reassignments, visit.assignee) == (1, "P2")


def test_a_pooled_task_waits_until_it_is_claimed() -> None:
    (visit,), _ = fold(
        entered(0, "a"), asked(0, "t", "a", assignee=None), on(25, "TaskClaimed", "t", person_id="P7"),
        on(30, "TaskReleased", "t"), on(45, "TaskClaimed", "t", person_id="P8"), on(50, "TaskDecided", "t"),
        done(50, "a"),
    )  # fmt: skip
    assert spent(visit) == (50, 40)
    assert visit.assignee == "P8"


def test_a_job_is_in_hand_until_a_person_has_to_rescue_it() -> None:
    (visit,), fates = fold(
        entered(0, "job", kind="service"), asked(20, "r", "job", purpose="rescue"), on(50, "TaskDecided", "r"),
        done(60, "job"),
    )  # fmt: skip
    assert spent(visit) == (60, 30)
    assert fates["r"].purpose == "rescue"


def test_a_wait_is_never_in_hand_and_blocks_have_no_visit() -> None:
    visits, _ = fold(
        entered(0, "f", kind="fork"), entered(0, "w", kind="wait"), entered(0, "d", kind="decision"), done(30, "w")
    )
    assert [(v.step_id, spent(v)) for v in visits] == [("w", (30, 30))]


def test_nobody_decided_and_the_template_did() -> None:
    (visit,), fates = fold(entered(0, "a"), asked(0, "t", "a"), on(9, "DefaultTaken", "t"), done(9, "a", "no"))
    assert (fates["t"].status, fates["t"].by_default, visit.outcome) == ("decided", True, "no")


def test_a_returned_step_is_visited_again_and_says_why() -> None:
    visits, _ = fold(
        entered(0, "a"), done(5, "a"), entered(5, "b"), done(9, "b", "back"),
        (9, "CaseReturned", {"from_step": "b", "to_step": "a"}), entered(9, "a", 2), done(11, "a"), entered(11, "b", 2),
        done(12, "b"), (12, "CaseReopened", {"reopened": 1}), entered(12, "a", 3),
    )  # fmt: skip
    assert [(v.returned_to, v.return_status) for v in visits if v.sent_back] == [("a", "completed")]
    assert [(v.step_id, v.visit, v.again, v.sent_back) for v in visits] == [
        ("a", 1, "", False),
        ("b", 1, "", True),
        ("a", 2, "returned", False),
        ("b", 2, "returned", False),
        ("a", 3, "reopened", False),
    ]


def test_a_return_knows_how_far_the_step_is_that_it_led_to() -> None:
    told = (
        entered(0, "a"), done(5, "a"), entered(5, "b"), done(9, "b", "back"),
        (9, "CaseReturned", {"from_step": "b", "to_step": "a"}), entered(9, "a", 2),
    )  # fmt: skip
    _, back, _ = fold(*told)[0]
    assert (back.returned_to, back.return_status, back.last_seq) == ("a", "active", 5)
    _, back, _ = fold(*told, (12, "StepCancelled", {"step_id": "a"}))[0]
    assert (back.return_status, back.last_seq) == ("cancelled", 7), "the row of the return is written anew"


def test_a_visit_is_counted_by_the_clock_of_its_first_task_and_else_by_the_templates() -> None:
    def twice(name: str | None) -> Working:
        return lambda start, end: (end - start) * (2 if name == "plant" else 3 if name == "night" else 1)

    told = [
        entered(0, "a"), asked(0, "t", "a", calendar="plant"), asked(0, "u", "a", calendar="default"),
        done(10, "a"), entered(10, "w", kind="wait"), done(30, "w"), entered(30, "b"),
        asked(30, "v", "b", calendar="plant"),
        (35, "ClockRecomputed", {"task_id": "v", "calendar": "night"}), done(40, "b"),
    ]  # fmt: skip
    visits, _ = step_visits(events_of([{"minute": at, "type": kind, **more} for at, kind, more in told]), twice)
    assert [spent(visit) for visit in visits] == [(20, 20), (20, 20), (30, 30)]


def test_the_time_in_which_the_case_was_closed_is_nobodys() -> None:
    (visit,), fates = fold(
        entered(0, "a"), asked(0, "t", "a"), on(10, "TaskCancelled", "t"),
        (10, "StepCancelled", {"step_id": "a"}), (500, "CaseReopened", {"reopened": 1}),
        on(500, "TaskResumed", "t", because="reopened"), on(510, "TaskAcknowledged", "t"),
        on(530, "TaskDecided", "t"), done(530, "a"),
    )  # fmt: skip
    assert spent(visit) == (40, 20)
    assert (visit.status, fates["t"].status) == ("completed", "decided")


acts = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.sampled_from(
            ["TaskAcknowledged", "TaskPaused", "TaskResumed", "TaskReassigned", "TaskClaimed", "TaskReleased"]
        ),
        st.sampled_from("tu"),
    ),
    max_size=12,
)


@given(acts)
def test_waiting_is_the_time_in_which_no_task_was_in_hand(steps: list[tuple[int, str, str]]) -> None:
    """Against minute-by-minute counting, for two people who are asked at once."""
    told = [entered(0, "a"), asked(0, "t", "a"), asked(0, "u", "a")]
    minute = 0
    taken, resting = dict.fromkeys("tu", False), dict.fromkeys("tu", False)
    waited = 0
    for after, kind, task in [*steps, (3, "end", "t")]:
        if not any(taken[one] and not resting[one] for one in "tu"):
            waited += after
        minute += after
        if kind == "TaskPaused":
            resting[task] = True
        elif kind == "TaskResumed":
            taken[task], resting[task] = True, False
        elif kind in ("TaskAcknowledged", "TaskClaimed"):
            taken[task] = True
        elif kind in ("TaskReassigned", "TaskReleased"):
            taken[task], resting[task] = False, False
        if kind != "end":
            told.append(on(minute, kind, task))
    (visit,), _ = fold(*told, done(minute, "a"))
    assert spent(visit) == (minute, waited)
