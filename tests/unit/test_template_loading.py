"""Reading templates: errors name the file and the line, and nothing is read that was not meant."""

from __future__ import annotations

import pytest
import yaml

from tests.engine_world import human, shipped
from workflow_jobs.engine import yaml_lines
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.template import TemplateError, load_template, template_hash

GOOD = f"""\
id: demo
version: 1
title: {{en: Demo, zh: 示例}}
description: {{en: Demo, zh: 示例}}
owner_role: buyer
steps:
- {human("first")}
- fork:
    id: both
    join: all
    branches:
    - - {human("left")}
      - {human("further")}
    - - {human("right")}
- {human("last")}
"""


def problems(text: str, file: str = "demo.yaml") -> tuple[tuple[int, str], ...]:
    with pytest.raises(TemplateError) as caught:
        load_template(text, file=file)
    error = caught.value
    assert str(error).startswith(f"{file}:{error.line}: ")
    return error.problems


def test_a_template_knows_its_places_and_lines() -> None:
    template = load_template(GOOD, file="demo.yaml")
    layout = layout_of(template)
    assert [step.id for step in layout.steps()] == ["first", "left", "further", "right", "last"]
    assert {step.id: layout.predecessors(step.id) for step in layout.steps()} == {
        "first": (),
        "left": ("first",),
        "further": ("left",),
        "right": ("first",),
        "last": ("further", "right"),
    }
    assert [template.line(*layout.places[step].path) for step in ("first", "both", "right", "last")] == [7, 8, 14, 15]
    assert template.text == GOOD


def test_the_hash_follows_the_content_not_the_line_ends() -> None:
    assert template_hash(GOOD) == template_hash(GOOD.replace("\n", "\r\n")) == load_template(GOOD, file="x").hash
    assert template_hash(GOOD) != template_hash(GOOD + "# a remark\n")


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("version: 1", "version: one", 2, "version"),
        ("owner_role: buyer", "owner_role: Buyer!", 5, "owner_role"),
        ("owner_role: buyer", "owner: buyer", 5, "no such key"),
        ("sla: PT4H", "sla: 4 hours", 7, "ISO-8601"),
        ("sla: PT4H", "sla: 4", 7, "ISO-8601"),
        ("kind: human", "kind: robot", 7, "kind: human"),
        ("    join: all", "    join: most", 10, "join"),
        ("    id: both", "    id: both\n    id: again", 10, "twice (first in line 9)"),
        ("title: {en: Demo, zh: 示例}", "title: {en: Demo}", 3, "zh"),
        ("id: demo", "id: other", 1, "named 'demo.yaml'"),
        ("version: 1", "version: 1\n\tx: 1", 3, "cannot start any token"),
        ("version: 1", "version: &v 1\nother: *v", 2, "anchors"),
        ("version: 1", "version: !!python/object:os.system 1", 2, "could not determine a constructor"),
        ("version: 1", "? [a]\n: 1", 2, "plain word"),
    ],
)
def test_errors_name_the_line(old: str, new: str, line: int, says: str) -> None:
    assert old in GOOD
    found = problems(GOOD.replace(old, new, 1))
    assert any(at == line and says in what for at, what in found), found


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "accountable: plant_manager",
            "accountable: [buyer, ceo]",
            ["first: raci.accountable: write one role, not a list"],
        ),
        (", accountable: plant_manager", "", ["first: raci.accountable: is missing: exactly one role"]),
        ("sla: PT4H", "slaa: PT4H", ["first: sla: is missing", "did you mean `sla`?"]),
        ("{id: ok, title: {en: Ok", "{id: yes, title: {en: 5", ["yes or no, not as text", "a number, not as text"]),
        ("id: ok", "id: Not ok", ["first: outcomes.Not ok.id: 'Not ok' is no name: use small letters"]),
        ("title: {en: Demo, zh: 示例}", "title: Demo", ["title: must be a map of keys: `en:`, `zh:`"]),
        ("    join: all", "    join: all\n    on: x", ["the key 'on' is read as something else than text"]),
        ("version: 1", "version: 2026-02-30", ["'2026-02-30' looks like a date or a number and is none"]),
        ("version: 1", "version: 1\npriority: Urgent", ["write urgent, high, normal or low"]),
    ],
)
def test_a_mistake_is_said_once_in_plain_words_with_the_cure(old: str, new: str, said: list[str]) -> None:
    assert old in GOOD
    broken = GOOD.replace(old, new, 1)
    changed = next(
        n for n, pair in enumerate(zip(GOOD.splitlines(), broken.splitlines(), strict=False), 1) if len({*pair}) == 2
    )
    found = problems(broken)
    assert len(found) == len(said), found
    for (line, what), words in zip(found, said, strict=True):
        assert words in what
        assert "should" not in what
        assert line == changed


def test_all_problems_are_said_at_once() -> None:
    broken = (
        GOOD.replace("version: 1", "version: 0").replace("join: all", "join: most").replace("owner_role: buyer\n", "")
    )
    assert len(problems(broken)) == 3


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "id: [unclosed"])
def test_what_is_no_template_at_all(text: str) -> None:
    assert problems(text)


@pytest.mark.parametrize("name", ["supply_exception", "data_incident"])
def test_both_readers_of_yaml_say_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shipped(name).text
    fast = yaml_lines.read(text)
    monkeypatch.setattr(yaml_lines, "_FAST", yaml.SafeLoader)
    assert yaml_lines.read(text) == fast
    assert len(fast[1].by_path) > 100
