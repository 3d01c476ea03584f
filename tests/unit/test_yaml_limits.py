"""Texts that no parser should be given: very deep or very long ones are refused with line and remedy."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from workflow_jobs.engine import yaml_lines
from workflow_jobs.engine.template import TemplateError, load_template
from workflow_jobs.engine.yaml_lines import MOST_LETTERS, MOST_LEVELS, YamlProblem

DEEP = {
    "lists in one line": "a: 1\nb: " + "[" * 2_000 + "]" * 2_000,
    "never closed": "a: 1\nb: " + "[" * 2_000,
    "mappings in one line": "a: 1\nb: " + "{a: " * 2_000 + "1" + "}" * 2_000,
    "items of items": "a: 1\n? " + "- " * 2_000 + "1\n: 1",
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_what_is_nested_too_deep_is_refused_where_it_stands(text: str) -> None:
    with pytest.raises(YamlProblem, match=r"100 levels deep.*fewer levels") as caught:
        yaml_lines.read(text)
    assert caught.value.line == 2


def test_deep_by_indentation_names_the_line() -> None:
    text = "".join(" " * level + "a:\n" for level in range(300))
    with pytest.raises(YamlProblem, match="levels deep") as caught:
        yaml_lines.read(text)
    assert caught.value.line == MOST_LEVELS + 1


def test_a_hundred_levels_are_read() -> None:
    data, lines = yaml_lines.read("a: " + "[" * (MOST_LEVELS - 1) + "]" * (MOST_LEVELS - 1))
    assert lines.of(("a",)) == 1
    for _ in range(MOST_LEVELS - 1):
        data = data["a"] if isinstance(data, dict) else data[0]
    assert data == []
    with pytest.raises(YamlProblem):
        yaml_lines.read("a: " + "[" * MOST_LEVELS + "]" * MOST_LEVELS)


def test_a_very_deep_text_does_not_end_the_process() -> None:
    child = (
        "from workflow_jobs.engine.yaml_lines import read, YamlProblem\n"
        "try: read('a: ' + '[' * 200_000 + ']' * 200_000)\n"
        "except YamlProblem as problem: print(problem)\n"
    )
    # In a process of its own: where it is not refused, this one would end.
    done = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout[:8]) == (0, "line 1: "), done.stderr


def test_a_very_long_text_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    def parsed(*_: object, **__: object) -> None:
        raise AssertionError("it is parsed")

    line = "# " + "x" * 97 + "\n"
    text = line * (MOST_LETTERS // len(line)) + "a: 1\n"
    monkeypatch.setattr(yaml, "parse", parsed)
    with pytest.raises(YamlProblem, match="at most 1,000,000 are read: divide it") as caught:
        yaml_lines.read(text)
    assert caught.value.line == MOST_LETTERS // len(line) + 1


def test_a_mistake_before_the_depth_is_told_as_such() -> None:
    with pytest.raises(YamlProblem) as caught:
        yaml_lines.read("a: 1\nb: ]\nc: " + "[" * 2_000)
    assert caught.value.line == 2
    assert "levels" not in caught.value.message


@pytest.mark.parametrize("text", ["a: \0", "a: \x07", "a: \ud800"])
def test_letters_that_yaml_does_not_have_are_a_problem(text: str) -> None:
    with pytest.raises(YamlProblem, match=r"line 1: "):
        yaml_lines.read(text)


def test_a_template_says_it_with_its_file() -> None:
    with pytest.raises(TemplateError, match=r"^deep\.yaml:2: .*levels deep"):
        load_template("id: deep\nsteps: " + "[" * 2_000, file="deep.yaml")
