"""One Chinese word for one thing, wherever people read it: pages, cards, refusals, templates and metrics."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("gateway", "workflow_jobs", "ops_assets", "dbt_project/models")
KINDS = frozenset({".py", ".yaml", ".yml", ".html", ".js"})


@pytest.mark.parametrize(
    ("other", "word", "thing"), [("案件", "事件单", "a case"), ("转交", "转办", "handing a task to somebody")]
)
def test_one_word_for_one_thing(other: str, word: str, thing: str) -> None:
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in KINDS]
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    assert any(word in said for said in texts.values()), f"nothing says {word} any more; mend this test"
    wrong = [
        f"{path.relative_to(ROOT)}:{number}"
        for path, said in texts.items()
        for number, line in enumerate(said.splitlines(), start=1)
        if other in line
    ]
    assert not wrong, f"{thing} is {word}, not {other}: {wrong}"
