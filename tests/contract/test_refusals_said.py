"""Whatever refuses something to a person says so in English and in Chinese, and Slack's handlers say the reader's."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ("workflow_jobs", "gateway", "sensors")
# Where the Chinese sentence (or the words that go on with one) stands among the arguments.
SAID: Final = {"Refused": 2, "EvidenceRefused": 1, "BadValue": 1}
# Chinese punctuation alone, where all words are put in.
_CHINESE: Final = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
# No button, modal or page sends what these refuse: jobs, scans, other cases and the command line do.
TO_PROGRAMS: Final = {
    "workflow_jobs/detection.py": {"may_not_open"},
    "workflow_jobs/engine/case_actions.py": {"child_not_awaited", "not_allowed"},
    "workflow_jobs/engine/decide.py": {
        "case_exists", "effect_not_due", "no_such_case", "not_reopenable", "not_resolvable", "step_not_waiting",
        "unknown_step",
    },
    "workflow_jobs/engine/migration.py": {"does_not_fit"},
}  # fmt: skip


def _modules() -> dict[str, str]:
    """The text of every module that refuses something, by its path."""
    paths = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}
    return {path: text for path, text in texts.items() if any(name in text for name in SAID)}


def _calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
            yield node, ast.unparse(node.func)


def unsaid(text: str, where: str) -> list[str]:
    """Refusals in a module that have no Chinese of their own. A pair that a function makes is starred."""
    found = []
    for call, name in _calls(ast.parse(text)):
        if name in SAID and not any(isinstance(one, ast.Starred) for one in call.args):
            chinese = call.args[SAID[name]] if len(call.args) > SAID[name] else None
            written = ast.unparse(chinese) if chinese is not None else ""
            if not (_CHINESE.search(written) or written.endswith("chinese")):
                found.append(f"{where}:{call.lineno}")
    return found


def test_every_refusal_of_a_person_has_chinese_words() -> None:
    modules = _modules()
    assert sum(text.count("Refused(") for text in modules.values()) > 60
    assert [line for path, text in modules.items() for line in unsaid(text, path)] == []


@pytest.mark.parametrize(
    "call",
    ['Refused("own_request", "No.")', 'Refused("own_request", "No.", "No.")', 'EvidenceRefused(f"{name} is odd.")'],
)
def test_a_refusal_without_chinese_words_is_found(call: str) -> None:
    assert unsaid(f"def rule(name):\n    raise {call}\n", "rule.py") == ["rule.py:2"]


def test_only_what_programs_ask_for_is_refused_in_english_alone() -> None:
    found: dict[str, set[str]] = {}
    for path, text in _modules().items():
        for call, name in _calls(ast.parse(text)):
            if name == "Refused.to_program":
                found.setdefault(path, set()).add(ast.literal_eval(call.args[0]))
    assert found == TO_PROGRAMS


def test_slacks_handlers_never_say_the_english_sentence_to_everybody() -> None:
    said = [
        f"{path.name}: {node.value.id}.{node.attr}"
        for path in sorted((ROOT / "gateway").glob("slack*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("sentence", "chinese") and isinstance(node.value, ast.Name)
    ]
    assert said == []
