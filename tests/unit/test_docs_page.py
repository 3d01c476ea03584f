"""The dictionary in dbt docs: everything that an entry says is in the description, and reads as it was written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops_assets.dictionary.docs_page import described, entry_text
from resources.platform import MODELS_DIR

METRICS = sorted((MODELS_DIR / "metrics").glob("metric_*.yml"))


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    elif value is not None and not isinstance(value, bool):
        yield value


def unescaped(text: str) -> str:
    return "".join(sign for place, sign in enumerate(text) if sign != "\\" or text[place - 1 : place] == "\\")


@pytest.mark.parametrize("path", METRICS, ids=lambda path: path.stem)
def test_nothing_of_an_entry_is_missing_in_the_docs(path: Path) -> None:
    meta = yaml.safe_load(path.read_text(encoding="utf-8"))["models"][0]["config"]["meta"]["trueloop"]
    text = unescaped(entry_text(meta))
    assert [leaf for leaf in leaves(meta) if str(leaf).replace("\n", " ") not in text] == []
    assert [
        key for key in meta if key not in ("label", "definition") and key.replace("_", " ") not in text.lower()
    ] == []


def test_signs_of_markdown_are_shown_as_they_are() -> None:
    text = entry_text({"formula": "sum(a * b) / sum(c * d) | x_1 < 2", "checks": [{"name": "n", "condition": "a*b*c"}]})
    assert r"| formula | sum(a \* b) / sum(c \* d) \| x\_1 \< 2 |" in text
    assert r"- `n` (condition: a\*b\*c)" in text


def test_dbt_s_own_manifest_stays_as_it_is() -> None:
    manifest = {
        "nodes": {
            "model.a": {
                "description": "A.",
                "meta": {"trueloop": {"domain": "supply", "version": 2}},
                "config": {"meta": {"trueloop": {"domain": "supply", "version": 2}}},
                "columns": {
                    "name": {"description": "Who.", "config": {"meta": {"trueloop": {"security_class": "personal"}}}},
                    "day": {"description": "When.", "config": {}},
                },
            }
        },
        "sources": {"source.b": {"description": "B.", "columns": {}, "config": {"meta": {"landing": {}}}}},
    }
    before = deepcopy(manifest)
    found = described(manifest)
    assert manifest == before
    node = found["nodes"]["model.a"]
    assert node["description"].startswith("A.\n\n| field | value |")
    assert node["meta"] == {"domain": "supply", "version": 2}
    assert [column["description"] for column in node["columns"].values()] == ["Who. [personal]", "When."]
    assert found["sources"] == manifest["sources"]
    json.dumps(found)
