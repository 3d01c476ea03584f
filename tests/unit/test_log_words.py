"""What the engine wrote into a log reads as words: why a case is open again, what a job lacked; old logs too."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.engine_world import Play, human, people, shipped, small, to_the_end
from tests.unit.test_outgoing_people import sent
from workflow_jobs.engine import commands as c
from workflow_jobs.slack.case_lines import decision_line
from workflow_jobs.slack.log_words import engine_words, missed_effect, why_withdrawn
from workflow_jobs.slack.wording import CardContext, MetricFigure

CONTEXT = CardContext(
    language="en",
    zone=ZoneInfo("Asia/Shanghai"),
    name=people().name,
    figure=MetricFigure("Reject rate", "拒收率", "percent", 2),
)
CHINESE = replace(CONTEXT, language="zh")


def test_a_case_that_is_open_again_says_the_figures_and_no_program_text() -> None:
    play = to_the_end(Play(shipped("supply_exception")), case_id="c3")
    out = sent(play.wait(days=7), c.JudgeEffect(observed="0.5", snapshot_id="later"))
    (reopened,) = (one.payload["text"] for one in out if one.dedupe_key.endswith("/reopened"))
    state = play.state
    assert state.observed is not None and state.threshold is not None
    assert f"0.5 after 7 d; {state.observed} when it was opened; Limit: at " in reopened
    assert "rule" not in reopened and "P7D" not in reopened


@pytest.mark.parametrize(
    ("context", "said"),
    [
        (CONTEXT, "12.00 % after 7 d; 9.31 % when it was opened; Limit: at most 8.00 %"),
        (CHINESE, "7 天后为 12.00 %；发起时为 9.31 %；阈值: 不高于 8.00 %"),
    ],
)
def test_the_effect_that_was_missed_is_said_in_the_metrics_own_form(context: CardContext, said: str) -> None:
    play = Play(shipped("supply_exception")).open(observed="0.0931", threshold="0.08", direction="above")
    assert missed_effect(play.state, play.template, "0.12", context) == said


def test_a_job_that_gave_no_answer_says_when_in_local_time() -> None:
    written = f"no answer by {datetime(2026, 11, 16, 2, 40, tzinfo=UTC).isoformat()}"
    assert engine_words(written, CONTEXT) == "no answer by Mon 2026-11-16 10:40"
    assert engine_words(written, CHINESE) == "截至 2026-11-16 周一 10:40 未收到结果"
    assert engine_words("its cause is back", CHINESE) == "原因再次出现"


@pytest.mark.parametrize(
    ("written", "english", "chinese"),
    [
        ("the case closed: completed", "the case is over", "事件单已结束"),
        ("the case returned to judge", "the case went back to an earlier step", "事件单已退回前面的步骤"),
        ("the step is decided without it: go", "the step is decided without it", "该步骤已有决定"),
        ("respond goes on without it", "the case went on without it", "流程无需等待该任务，已继续"),
        ("the job finished after all", "the job finished after all", "作业后来已完成"),
        ("", "", ""),
        ("something older", "", ""),
    ],
)
def test_why_a_task_was_withdrawn_is_said_as_its_reader_reads(written: str, english: str, chinese: str) -> None:
    assert (why_withdrawn(written, CONTEXT), why_withdrawn(written, CHINESE)) == (english, chinese)
    pages = engine_words(written, CONTEXT), engine_words(written, CHINESE)
    assert pages == (written, chinese or written), "where the English names the step, pages keep it"


def test_the_card_of_what_nobody_decided_says_what_the_process_took() -> None:
    ladder = ", ladder: [{at: 100, action: default, to: owner, outcome: ok}]"
    play = Play(small(f"  - {human('a', extra=ladder)}\n")).open()
    play.wait(days=2).do(c.FireRungs())
    line = decision_line(play.state.tasks["c1.a.1"], play.template, CONTEXT)
    assert line == "Nobody decided in time; the process took: *Ok*"


@pytest.mark.parametrize("written", ["", "disk full", "no answer by Friday", "no answer by 2026-99-99T00:00:00+00:00"])
def test_what_is_not_the_engines_own_stays_as_it_is(written: str) -> None:
    assert engine_words(written, CHINESE) == written
