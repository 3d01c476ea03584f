"""What is too long or means nothing is a finding; a stored version that has it anyway still runs to its end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.engine_world import JOBS, ROLES, Play, calendar, human, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.lint import lint
from workflow_jobs.engine.working_time import FARTHEST
from workflow_jobs.sla_clock import used_share

A = human("a")
WAIT = (
    "{id: w, kind: wait, title: {en: w, zh: w}, raci: {responsible: buyer, accountable: buyer}, until: {clock: P2000D}}"
)


def field(rest: str) -> str:
    return human("a", extra=f", form: [{{name: x, title: {{en: X, zh: 值}}, {rest}}}]")


@pytest.mark.parametrize(
    ("step", "head", "says"),
    [
        (A.replace("PT4H", "P1097D"), "", "a: P1097D is too long: write at most P1096D, which is three years"),
        (A.replace("PT4H", "PT9000H"), "", "a: PT9000H is too long"),
        (A.replace("PT4H", "P9999999999999D"), "", "a: P9999999999999D is too long"),
        (WAIT, "", "w: P2000D is too long"),
        (A, "sla: P2000D\n", "P2000D is too long"),
        (human("a", extra=", actions: {snooze: {at_most: P9999999D}}"), "", "a: P9999999D is too long"),
        (A.replace("PT4H", "P20D"), "ladder: [{at: 9999, action: remind, to: assignee}]\n", "9999 % of P20D is longer"),
        (
            human("a", extra=", ladder: [{at: 9999, action: remind, to: assignee}]").replace("PT4H", "P20D"),
            "",
            "a: 9999 %",
        ),
        (A, "sla: P20D\ncase_ladder: [{at: 9999, action: remind, to: owner}]\n", "9999 % of P20D is longer"),
        (field("type: text, min: 5"), "", "a: `min` means nothing for the text field 'x'"),
        (field("type: date, max: 5"), "", "a: `max` means nothing for the date field 'x'"),
        (field("type: integer, max_files: 2"), "", "a: `max_files` means nothing for the integer field 'x'"),
        (human("a", outcomes=r'[{id: ok, title: {en: "a\0b", zh: 好}}]'), "", "a: the text has a control character"),
        (human("a", outcomes='[{id: ok, title: {en: " ", zh: 好}}]'), "", "a: there is nothing to read in `en`"),
    ],
)
def test_each_is_found(step: str, head: str, says: str) -> None:
    (found,) = lint(small(f"- {step}\n", head), ROLES, JOBS)
    assert says in str(found)


def test_three_years_and_what_a_field_uses_are_no_finding() -> None:
    fields = "form: [{name: x, type: decimal, min: 1, max: 2, decimals: 3, title: {en: X, zh: 值}}]"
    assert lint(small(f"- {human('a', extra=f', {fields}').replace('PT4H', 'P1096D')}\n"), ROLES, JOBS) == []


@pytest.mark.parametrize("sla", ["P3000D", "P5000D", "P9999999999999D", "PT99999999999999H"])
def test_a_stored_version_goes_on_where_its_calendar_ends(sla: str) -> None:
    head = "ladder: [{at: 1, action: remind, to: assignee}, {at: 10000, action: escalate, to: manager}]\n"
    steps = f"- {A}\n- {human('b').replace('PT4H', sla)}\n- {WAIT.replace('P2000D', 'P9999999999999D')}\n"
    play = Play(small(steps, head)).open()
    play.choose("a", "ok")
    task = play.task("b")
    assert task.due_at > datetime(2031, 1, 1, tzinfo=UTC), "the calendar of the tests ends in 2030"
    assert not task.calendar_confirmed
    assert used_share(task, play.now, calendar()) == pytest.approx(0, abs=0.01)
    assert used_share(task, task.due_at, calendar()) == pytest.approx(1)
    play.wait(days=400_000)
    fired = [one for one in play.do(c.FireRungs()) if isinstance(one, e.RungFired)]
    assert fired[0].percent == 1
    play.choose("b", "ok")
    assert play.state.steps["w"].wake_at


def test_behind_its_last_year_a_calendar_goes_on_by_clock_time() -> None:
    known, begin = calendar(), datetime(2030, 12, 1, tzinfo=UTC)
    end = datetime(2030, 12, 31, 16, tzinfo=UTC)  # midnight in Shanghai
    left = known.working_between(begin, end)
    assert known.due_after(begin, left) <= end
    assert known.due_after(begin, left + known.day_length * 10) == end + timedelta(days=10)
    assert known.working_between(begin, end + timedelta(days=10)) == left + known.day_length * 10
    assert known.due_after(end + timedelta(days=1), known.day_length) == end + timedelta(days=2)
    assert known.due_after(begin, timedelta(days=900_000_000)) == FARTHEST
    assert not known.confirmed(end)
    assert known.local_date(end) == date(2031, 1, 1)
