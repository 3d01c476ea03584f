"""Messages to those informed of a job, a wait or another process: when it begins, is late and is done, once each."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.engine_world import MONDAY, Play, human, people, service, small
from tests.unit.test_outgoing_people import sent, to_whom
from workflow_jobs.engine import commands as c
from workflow_jobs.outgoing_message import CARD, Outgoing

RACI = "raci: {responsible: buyer, accountable: cfo, informed: [sales_rep, buyer], informs_at: [asked, late, decided]}"
OPENING = c.OpenCase(case_id="c1", rule_id="r", requested_by="s1")


def job(moments: str = "[asked, late, decided]") -> str:
    informed = f"accountable: production_manager, informed: [sales_rep], informs_at: {moments}"
    return service("job", attempts=1).replace("accountable: production_manager", informed)


def wait(more: str = "", until: str = "{clock: P1D}") -> str:
    return f"{{id: rest, kind: wait, title: {{en: Rest, zh: 歇}}, {RACI}, until: {until}{more}}}"


def told(out: list[Outgoing]) -> list[str]:
    """What those informed are told: moment and visit with the persons, in the order of sending."""
    keys = [one.dedupe_key.split(f"/{CARD}/informed/")[1] for one in out if f"/{CARD}/informed/" in one.dedupe_key]
    return [key for key in keys if key.split("/")[0] in ("asked", "late", "decided")]


def lines(out: list[Outgoing]) -> set[str]:
    return {one.payload["text"].split(": ", 3)[-1] for one in out if "/informed/" in one.dedupe_key}


def begun(*steps: str, away: Sequence[str] = ()) -> tuple[Play, list[Outgoing]]:
    absent = people(dict.fromkeys(away, ((MONDAY.date(),) * 2,)))
    play = Play(small("".join(f"- {step}\n" for step in steps)), now=MONDAY, directory=absent)
    return play, sent(play, OPENING)


def test_a_job_is_told_when_it_runs_fails_for_good_and_is_done() -> None:
    play, out = begun(job(), human("look"))
    assert told(out) == ["asked/job.1/s1", "asked/job.1/s2"]
    assert lines(out) == {"job: runs by itself"}
    broke = sent(play, c.FailService(step_id="job", run_id="r1", error="it broke", final=True))
    assert told(broke) == ["late/job.1/s1", "late/job.1/s2"]
    rescue = play.task("job")
    again = c.DecideTask(task_id=rescue.task_id, task_version=1, person_id="o1", outcome="retry")
    assert to_whom(sent(play, again), "informed/") == ["om"], "the step is not done: who answers for it hears alone"
    done = sent(play, c.CompleteService(step_id="job", run_id="r2", result={}))
    assert told(done) == ["decided/job.1/s1", "decided/job.1/s2"]
    assert lines(done) == {"job: done"}


def test_those_who_are_away_are_informed_of_a_job_too() -> None:
    play, out = begun(job(), human("look"), away=["s1"])
    assert told(out) == ["asked/job.1/s1", "asked/job.1/s2"]
    done = sent(play, c.CompleteService(step_id="job", run_id="r1", result={}))
    assert told(done) == ["decided/job.1/s1", "decided/job.1/s2"]


def test_work_done_by_hand_is_told_once_with_who_did_it() -> None:
    play, _ = begun(job(), human("look"))
    play.do(c.FailService(step_id="job", run_id="r1", error="it broke", final=True))
    by_hand = c.DecideTask(
        task_id=play.task("job").task_id, task_version=1, person_id="o1", outcome="done_by_hand", form={"comment": "x"}
    )
    out = sent(play, by_hand)
    assert to_whom(out, "informed/") == ["om", "s1", "s2"]
    assert "Done by hand by Feng Plan" in lines(out).pop()


def test_only_the_stated_moments_are_told() -> None:
    play, out = begun(job("[late]"), human("look"))
    assert told(out) == []
    assert told(sent(play, c.CompleteService(step_id="job", run_id="r1", result={}))) == []


@pytest.mark.parametrize(
    ("more", "begins", "ends"),
    [
        ("", "asked/rest.1/s1 asked/rest.1/s2 asked/rest.1/b1 asked/rest.1/b2", "b1 b2"),
        (", signal: come", "asked/rest.1/s1 asked/rest.1/s2", "b1 b2"),
    ],
)
def test_a_wait_is_told_but_not_to_who_is_asked_about_it(more: str, begins: str, ends: str) -> None:
    play, out = begun(wait(more), human("look"))
    assert told(out) == begins.split()
    play.wait(days=2)
    over = sent(play, c.FireTimers())
    assert told(over) == [f"decided/rest.1/{who}" for who in f"s1 s2 {ends}".split()], "late and done: told once"
    assert any(line.startswith("Rest: the time for it is over") for line in lines(over))


def test_who_says_that_it_has_happened_is_not_told_so() -> None:
    play, _ = begun(wait(", signal: come"), human("look"))
    assert told(sent(play, c.SendSignal(signal="come", person_id="b1"))) == [
        f"decided/rest.1/{who}" for who in ("s1", "s2", "b2")
    ]


def test_what_is_over_at_once_is_told_once() -> None:
    day = ", form: [{name: day, type: date, title: {en: Day, zh: 日}, required: true}]"
    play, _ = begun(human("look", extra=day), wait(until="{date: day}"), human("more"))
    task, form = play.task("look"), {"day": "2026-11-02"}
    out = sent(play, c.DecideTask(task_id=task.task_id, task_version=1, person_id="b1", outcome="ok", form=form))
    assert {key.split("/")[0] for key in told(out)} == {"decided"}


def test_another_process_is_told_when_it_is_opened_refused_and_ended() -> None:
    play, out = begun(f"{{id: p, kind: process, title: {{en: Try, zh: 试}}, {RACI}, template: trial}}", human("look"))
    assert told(out)[:2] == ["asked/p.1/s1", "asked/p.1/s2"]
    refused = sent(play, c.RefuseChild(child_case_id="c1-1", reason="The input more is missing."))
    assert [key.split("/")[0] for key in told(refused)] == ["late"] * 4
    assert lines(refused) == {"Try: Why it cannot be opened: The input more is missing."}
    rescue = play.task("p")
    play.do(
        c.DecideTask(task_id=rescue.task_id, task_version=1, person_id=rescue.assignee or "", outcome="retry", form={})
    )
    ended = sent(play, c.EndChild(child_case_id="c1-2", outcome="all_good", data={}))
    assert [key.split("/")[0] for key in told(ended)] == ["decided"] * 4
    assert lines(ended) == {"Try: done (all good)"}
