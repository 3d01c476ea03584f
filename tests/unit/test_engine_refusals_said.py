"""What the engine refuses, said in both languages with the same facts, and within Slack's limits beside a field."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from gateway.slack_replies import field_errors
from gateway.words import LANGUAGES, Language
from tests.engine_world import MONDAY, Play, human, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.evidence_kinds import EvidenceRefused, looked_at

FORM = (
    "[{name: note, type: text, title: {en: Remark, zh: 备注}, max_length: 5}, "
    "{name: pieces, type: integer, title: {en: Pieces, zh: 数量}, required: true, min: 1}, "
    "{name: why, type: choice, title: {en: Why, zh: 原因}, required: true, "
    "options: [{value: late, title: {en: Late, zh: 迟到}}]}]"
)
ACTIONS = "actions: {snooze: {at_most: P2D, times: 1}, assign: true, delegate: true}"
STEP = human("look", extra=f", {ACTIONS}, form: {FORM}")
# Names, instants and numbers: what both languages must state. Ids of roles count as names.
_FACTS = re.compile(r"[A-Z][a-z]+ [A-Z][a-z]+|\d{4}-\d\d-\d\d(?: \d\d:\d\d)?|\d+|[a-z]+_[a-z]+")


def refused(command: type[Any], person: str = "b1", **fields: Any) -> Refused:
    play = Play(small(f"- {STEP}\n"))
    play.open(requested_by="b2")
    with pytest.raises(Refused) as caught:
        play.do(command(task_id="c1.look.1", task_version=1, person_id=person, **fields))
    return caught.value


def decided(**form: Any) -> Refused:
    return refused(c.DecideTask, outcome="ok", form=form)


FORMS: list[tuple[dict[str, Any], str, tuple[str, ...]]] = [
    ({}, "请填写：数量、原因。", ("pieces", "why")),
    ({"pieces": "0"}, "数量：不得小于 1，当前为 0。", ("pieces",)),
    ({"pieces": "1.5"}, "数量：须为整数，当前为 '1.5'。", ("pieces",)),
    ({"pieces": "1", "why": "x"}, "原因：须为以下之一：迟到，当前为 'x'。", ("why",)),
    ({"note": "longer"}, "备注：过长，共 6 个字符，最多 5 个。", ("note",)),
    ({"note": "a\0"}, "备注：含有不可见的控制字符（第 2 个字符为 U+0000），请删除或重新输入。", ("note",)),
]
WAYS: list[tuple[type[Any], str, dict[str, Any], str, tuple[str, ...]]] = [
    *((c.DecideTask, "b1", {"outcome": "ok", "form": form}, chinese, fields) for form, chinese, fields in FORMS),
    (c.DecideTask, "b2", {"outcome": "ok"}, "这是您自己的申请，须由他人决定。", ()),
    (
        c.DecideTask,
        "f1",
        {"outcome": "ok"},
        "Wei One 无权决定该任务。现由 Wu One 处理；须由角色 buyer 或 plant_manager 决定。",
        (),
    ),
    (c.AssignTask, "b1", {"to": "b2"}, "这是 Wu Two 自己的申请，须由他人决定。", ()),
    (c.DelegateTask, "b1", {"to": "ghost", "reason": "x"}, "人员目录中没有 'ghost'。", ()),
    (
        c.SnoozeTask,
        "b1",
        {"until": MONDAY + timedelta(days=3), "reason": "rest"},
        "请选择晚于当前、不晚于 2026-11-18 09:30 (Asia/Shanghai) 的时间。",
        ("until",),
    ),
    (c.SnoozeTask, "b1", {"until": MONDAY + timedelta(days=1), "reason": " "}, "请填写：理由。", ("reason",)),
]


@pytest.mark.parametrize(("command", "person", "given", "chinese", "fields"), WAYS)
def test_a_refusal_states_the_same_facts_in_both_languages(
    command: type[Any], person: str, given: dict[str, Any], chinese: str, fields: tuple[str, ...]
) -> None:
    refusal = refused(command, person, **given)
    assert (refusal.said("zh"), refusal.fields) == (chinese, fields)
    assert refusal.said("en") == refusal.sentence
    # A person reads titles where a program reads values.
    facts = set(_FACTS.findall(refusal.sentence.replace("late", "")))
    assert facts <= set(_FACTS.findall(chinese)), (facts, chinese)


def test_after_the_decision_both_languages_say_who_decided_what() -> None:
    play = Play(small(f"- {human('look')}\n- {human('then')}\n"))
    play.open()
    task = play.state.open_tasks[0]
    who = task.assignee or ""
    play.do(c.DecideTask(task_id=task.task_id, task_version=1, person_id=who, outcome="ok"))
    for person, chinese in ((who, "您已作出决定：好。"), ("x", "Wu One 已作出决定：好。")):
        with pytest.raises(Refused) as caught:
            play.do(c.DecideTask(task_id=task.task_id, task_version=1, person_id=person, outcome="ok"))
        assert caught.value.said("zh") == chinese


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_error_beside_a_field_fits_whatever_was_typed(language: Language) -> None:
    view = {"blocks": [{"type": "input", "block_id": f"field:{name}"} for name in ("note", "pieces", "why")]}
    errors = field_errors(view, decided(pieces="9" * 9000), language)
    assert list(errors) == ["field:pieces"] and 0 < len(errors["field:pieces"]) <= 2000
    # What a modal does not ask for stands beside its first field; without fields there is nothing to stand beside.
    elsewhere = Refused("unknown_field", "No.", "否。", fields=("other",))
    assert field_errors(view, elsewhere, language) == {"field:note": {"en": "No.", "zh": "否。"}[language]}
    assert field_errors({"blocks": [{"type": "section"}]}, elsewhere, language) == {}
    both = field_errors(view, decided(), language)
    assert list(both) == ["field:pieces", "field:why"]


@pytest.mark.parametrize(
    ("name", "size", "chinese"),
    [
        ("a.exe", 5, "不接收 a.exe 这类文件，可接收：pdf、png、"),
        ("a.pdf", 0, "a.pdf 是空文件。"),
        ("a.pdf", 20 * 2**20, "a.pdf 大小为 20.0 MB，最多接收 10 MB。"),
    ],
)
def test_a_file_is_refused_in_both_languages(name: str, size: int, chinese: str) -> None:
    with pytest.raises(EvidenceRefused, match=name) as caught:
        looked_at(name, size)
    assert caught.value.said("zh").startswith(chinese) and caught.value.said("en") == str(caught.value)
