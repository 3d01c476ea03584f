"""Which texts a case keeps: no character that nobody can see comes in with what people say, by whichever way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine_world import Play, human, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.shared_refusals import REASON
from workflow_jobs.engine.texts import read_text, readable, require_readable

T = "{en: Note, zh: 说明}"
INPUTS = f"inputs: [{{name: note, type: text, title: {T}}}]\nwithdrawn_by: [requester]\n"
NOTE = f", form: [{{name: note, type: text, title: {T}}}]"
BAD = ["a\0b", "a\x1bb", "a\x85b", "a\ud800b"]
ACTIONS = ", actions: {snooze: {at_most: P1D, times: 2}, assign: true, delegate: true}"
WAIT = (
    f"{{id: rest, kind: wait, title: {T}, raci: {{accountable: it_manager}}, until: {{working: P5D}}, "
    f"signal: come{NOTE}}}"
)


def opened(**given: Any) -> Play:
    template = small(f"- {human('look', extra=NOTE + ACTIONS)}\n- {WAIT}\n", INPUTS)
    return Play(template).open(requested_by="s1", **given)


@pytest.mark.parametrize("bad", [*BAD, "a\u202eb", "a\u2066b"])
@pytest.mark.parametrize(
    "given",
    [{"data": {"note": "?"}}, {"data": {"more": [{"text": "?"}]}}, {"data": {"?": 1}}, {"subject_label": "?"}],
)
def test_no_case_opens_with_a_text_that_cannot_be_read(given: dict[str, Any], bad: str) -> None:
    def spoilt(value: Any) -> Any:
        if isinstance(value, dict):
            return {spoilt(key): spoilt(item) for key, item in value.items()}
        return [spoilt(item) for item in value] if isinstance(value, list) else bad if value == "?" else value

    with pytest.raises(Refused, match="character 2 is U\\+") as refused:
        opened(**spoilt(given))
    assert refused.value.code == "input_invalid"
    assert "\0" not in refused.value.sentence


@pytest.mark.parametrize("bad", BAD)
def test_what_people_say_about_a_task_or_a_case_is_refused_with_its_name(bad: str) -> None:
    play = opened()
    task = play.task("look")
    mine: dict[str, Any] = {"task_id": task.task_id, "task_version": task.version, "person_id": task.assignee}
    for command, name in (
        (c.DecideTask(**mine, outcome="ok", form={"note": bad}), "Note"),
        (c.AssignTask(**mine, to="b2", reason=bad), "Reason"),
        (c.DelegateTask(**mine, to="b2", reason=bad), "Reason"),
        (c.WithdrawCase(person_id="s1", reason=bad), "Reason"),
    ):
        with pytest.raises(Refused) as refused:
            play.do(command)
        assert refused.value.code == "form_invalid", command
        assert refused.value.sentence.startswith(f"{name} has a control character"), command
    play.choose("look", "ok", note="two\nlines\tand 中文 \N{GRINNING FACE}")
    with pytest.raises(Refused, match="Note has a control character"):
        play.do(c.SendSignal(signal="come", data={"note": bad}))


@pytest.mark.parametrize("nothing", ["\u200b", " \ufeff\u2060\n", "\u3164", "\u200f\ufe0f"])
def test_a_text_of_which_nothing_can_be_seen_says_nothing(nothing: str) -> None:
    play = opened()
    with pytest.raises(Refused, match=r"reason|Reason"):
        play.do(c.WithdrawCase(person_id="s1", reason=nothing))
    play.choose("look", "ok", note=nothing)
    assert "note" not in play.state.data
    asked = small(f"- {human('a')}\n", INPUTS.replace("type: text", "type: text, required: true"))
    with pytest.raises(Refused, match=r"The input note .* is missing"):
        Play(asked).open(data={"note": nothing})


def test_scripts_and_emoji_keep_their_joiners_and_a_turned_text_is_named() -> None:
    for text in ("می\u200cخواهم", "👩\u200d🔧", "שלום\u200f", "❤\ufe0f"):
        assert read_text(REASON, f" {text} ", longest=20) == text
    with pytest.raises(Refused, match=r"direction of writing.*U\+202E RIGHT-TO-LEFT OVERRIDE"):
        read_text(REASON, "\u202egnp.exe", longest=20)


def test_what_was_kept_before_does_not_keep_a_breach_from_being_recorded() -> None:
    play = opened(data={"more": "x"}, rule_id="r", snapshot_id="1")
    play.state.data["more"] = "a\0b"  # type: ignore[index]
    (event,) = play.do(c.RecordBreach(observed=None, snapshot_id="2", data={"note": "new"}))
    assert isinstance(event, e.BreachRecorded)
    assert event.data == {"note": "new", "more": "a\ufffdb"}


@given(st.text())
def test_what_is_made_readable_is_taken_as_it_is(text: str) -> None:
    kept = readable({text: [text]})
    require_readable(kept)
    assert readable(kept) == kept
    (made,) = kept  # type: ignore[misc]
    assert len(str(made)) == len(text)
    try:
        require_readable(text)
    except ValueError:
        assert kept != {text: [text]}
    else:
        assert kept == {text: [text]}
        assert read_text(REASON, text, longest=len(text)) in ("", text.strip())
