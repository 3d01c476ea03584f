"""The form of a wait in the reader's language: what is wrong stands beside its field, in that language."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.slack_replies import field_errors
from gateway.words import Language
from tests.engine_world import Play, calendar, human, people, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.signals import awaited
from workflow_jobs.slack.wait_messages import wait_modal
from workflow_jobs.slack.wording import CardContext

FORM = (
    "[{name: note, type: text, title: {en: Remark, zh: 备注}}, "
    "{name: pieces, type: integer, title: {en: Pieces, zh: 数量}, required: true, min: 1}, "
    "{name: lead, type: role, title: {en: Lead, zh: 负责}}]"
)
WAIT = (
    "{id: rest, kind: wait, title: {en: Goods, zh: 货物}, raci: {accountable: it_manager}, until: {working: P5D}, "
    f"signal: come, form: {FORM}}}"
)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("data", [{}, {"pieces": "0"}, {"pieces": "many", "note": "x"}])
def test_what_is_wrong_stands_beside_its_field_in_either_language(language: Language, data: dict[str, str]) -> None:
    play = Play(small(f"- {WAIT}\n- {human('look')}\n"))
    play.open()
    context = CardContext(language=language, zone=calendar().time_zone, name=people().name)
    view = wait_modal(play.state, awaited(play.state)[0], play.template, context, roles=["buyer"])
    inputs = [block["block_id"] for block in view["blocks"] if block["type"] == "input"]
    assert inputs == ["field:note", "field:pieces", "field:lead"]
    with pytest.raises(Refused) as caught:
        play.do(c.SendSignal(signal="come", data=data))
    errors = field_errors(view, caught.value, language)
    assert list(errors) == ["field:pieces"] and {"en": "Pieces", "zh": "数量"}[language] in errors["field:pieces"]
    # Where nobody holds a role there is nothing to choose from.
    without = wait_modal(play.state, awaited(play.state)[0], play.template, replace(context, language="en"))
    assert [one["block_id"] for one in without["blocks"] if one["type"] == "input"] == ["field:note", "field:pieces"]
