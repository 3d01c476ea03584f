"""The dictionary in dbt docs: entries and classes as text that people can read.

dbt docs show ``meta`` as one cut line of JSON, so descriptions get the entry as Markdown, made from the same ``meta``.
Pure: manifest in, manifest out. What dbt itself parses and builds with is never touched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

# Fields in the order in which people ask for them; what is not listed follows, so that nothing is left out.
_FIRST = ("formula", "unit", "decimals", "direction", "aggregation", "window_days", "target", "domain", "owner_role",
          "raci", "grain", "dimensions", "security_class", "row_filter", "version", "effective_date", "key", "synonyms",
          "needs")  # fmt: skip
_LISTS = ("checks", "claims", "watch", "details")
_TOLD_APART = ("label", "definition")
_HEADLINE = ("domain", "owner_role", "security_class", "version", "effective_date")


_MARKDOWN = re.compile(r"([\\`*_<|#\[\]])")


def described(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of dbt's manifest whose descriptions hold the entries of metrics and the classes of columns."""
    found: dict[str, Any] = deepcopy(dict(manifest))
    for node in [*found["nodes"].values(), *found["sources"].values()]:
        for column in node.get("columns", {}).values():
            security_class = _trueloop(column).get("security_class")
            if security_class:
                column["description"] = f"{column.get('description') or ''} [{security_class}]".strip()
        meta = _trueloop(node)
        if meta:
            node["description"] = f"{node.get('description') or ''}\n\n{entry_text(meta)}".strip()
            # The list above the description keeps what fits into a line each.
            node["meta"] = {key: meta[key] for key in _HEADLINE if key in meta}
    return found


def entry_text(meta: Mapping[str, Any]) -> str:
    """An entry of the dictionary as Markdown; every value of ``meta`` is in it."""
    parts = []
    if "label" in meta:
        parts.append(f"### {meta['label']['en']} · {meta['label']['zh']}")
    if "definition" in meta:
        parts += [_plain(meta["definition"]["en"]), _plain(meta["definition"]["zh"])]
    rows = [key for key in _FIRST if key in meta]
    rows += [key for key in meta if key not in (*_FIRST, *_LISTS, *_TOLD_APART)]
    if rows:
        lines = [f"| {_words(key)} | {_plain(_inline(meta[key]))} |" for key in rows]
        parts.append("\n".join(["| field | value |", "|---|---|", *lines]))
    for key in _LISTS:
        if meta.get(key):
            entries = "\n".join(f"- {_entry(entry)}" for entry in meta[key])
            parts.append(f"**{_words(key).capitalize()}**\n\n{entries}")
    return "\n\n".join(parts)


def _entry(entry: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in entry.items() if key not in ("name", "description")}
    what = f" {_plain(entry['description'])}" if entry.get("description") else ""
    return f"`{entry['name']}`{what} ({_plain(_inline(rest))})"


def _inline(value: Any) -> str:
    """A value in one line: names before their values, no brackets but of nested ones."""
    if isinstance(value, Mapping):
        if set(value) == {"en", "zh"} and all(isinstance(one, str) for one in value.values()):
            return f"{value['en']} · {value['zh']}"
        return "; ".join(f"{_words(key)}: {_nested(inner)}" for key, inner in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_nested(inner) for inner in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _nested(value: Any) -> str:
    return f"({_inline(value)})" if isinstance(value, Mapping) else _inline(value)


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: formulas are full of its signs."""
    return _MARKDOWN.sub(r"\\\1", text).replace("\n", " ")


def _words(key: str) -> str:
    return key.replace("_", " ")


def _trueloop(declared: Mapping[str, Any]) -> dict[str, Any]:
    config = declared.get("config") or {}
    return (config.get("meta") or {}).get("trueloop") or (declared.get("meta") or {}).get("trueloop") or {}
