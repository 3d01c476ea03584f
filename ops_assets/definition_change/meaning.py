"""What a figure means, as a digest: the SQL that makes it and the fields that say how it is read.

Meaning is the metric's model and every model that it stands on, down to the sources, and of the dictionary: formula,
aggregation, unit, window, as-of rule, direction, grain, dimensions and details, with what the semantic layer makes of
it. Labels, words, synonyms, checks, watch rules, owners and targets are not: they change nothing that is computed.
Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ops_assets.definition_change.normal_sql import DiffLine, SqlProblem, difference, normal_sql
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.project import Project


@dataclass(frozen=True)
class Meaning:
    """``sql`` is the compiled SQL of a full build by model; ``fields`` are the dictionary's.

    Kept whole, so that a later version of the platform can compare it by its own normal form.
    """

    metric: str
    sql: Mapping[str, str]
    fields: Mapping[str, Any]

    @cached_property
    def digest(self) -> str:
        """Equal for equal meaning; 16 hexadecimal digits."""
        body = {
            "sql": {model: _normal(text) for model, text in sorted(self.sql.items())},
            "fields": self.fields,
        }
        return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        plain: dict[str, Any] = json.loads(json.dumps({"sql": self.sql, "fields": self.fields}, default=str))
        return {"metric": self.metric, **plain}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Meaning:
        return cls(metric=body["metric"], sql=body["sql"], fields=body["fields"])


@dataclass(frozen=True)
class FieldChange:
    """One field of the dictionary that changed, as texts."""

    field: str
    old: str
    new: str


@dataclass(frozen=True)
class MeaningChange:
    """What differs between two meanings of one metric: lines of SQL by model, and fields."""

    metric: str
    models: Mapping[str, Sequence[DiffLine]]
    fields: Sequence[FieldChange]

    def __bool__(self) -> bool:
        return bool(self.models or self.fields)


def meaning_fields(
    metric: MetricDefinition, window_days: int | None, semantic: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The fields that are meaning. ``window_days`` is the pack's; ``semantic`` is what MetricFlow reads."""
    fields: dict[str, Any] = {
        "formula": metric.formula,
        "aggregation": metric.aggregation,
        "unit": metric.unit,
        "window_days": window_days,
        "as_of": metric.as_of,
        "direction": metric.direction,
        "grain": sorted(metric.grain),
        "dimensions": {name: columns.id for name, columns in metric.dimensions.items()},
        "details": {detail.name: detail.sql for detail in metric.details},
    }
    return fields | ({"semantic": semantic} if semantic else {})


def meanings_of(
    metrics: Iterable[MetricDefinition],
    project: Project,
    compiled: Mapping[str, str],
    *,
    windows: Mapping[str, int | None],
    semantic: Mapping[str, Mapping[str, Any]],
) -> dict[str, Meaning]:
    """The meaning of every metric that was built. ``compiled`` is the SQL of a full build by model."""
    found = {}
    for metric in metrics:
        if not project.has(metric.name):
            continue
        standing_on = sorted({metric.name, *project.upstream[metric.name]})
        if not compiled.keys() >= set(standing_on):
            continue
        fields = meaning_fields(metric, windows[metric.name], semantic.get(metric.name))
        body = Meaning(metric.name, {model: compiled[model] for model in standing_on}, fields)
        found[metric.name] = Meaning.from_json(body.to_json())
    return found


def semantic_of(semantic_manifest: str) -> dict[str, dict[str, Any]]:
    """What MetricFlow computes for each metric model, without its words: measures, dimensions and metrics by name."""
    body = json.loads(semantic_manifest or "{}")
    found: dict[str, dict[str, Any]] = {}
    by_measure: dict[str, str] = {}
    for model in body.get("semantic_models") or []:
        alias = (model.get("node_relation") or {}).get("alias") or model["name"]
        found[alias] = {
            "measures": sorted((_without_words(measure) for measure in model.get("measures") or []), key=str),
            "dimensions": sorted((_without_words(entry) for entry in model.get("dimensions") or []), key=str),
            "metrics": [],
        }
        by_measure |= {measure["name"]: alias for measure in model.get("measures") or []}
    for metric in sorted(body.get("metrics") or [], key=lambda entry: str(entry["name"])):
        for alias in sorted({by_measure[name] for name in _measure_names(metric) if name in by_measure}):
            found[alias]["metrics"].append(_without_words(metric))
    return found


def change_between(old: Meaning | None, new: Meaning) -> MeaningChange:
    """What changed from ``old`` (None: nothing was there) to ``new``. Raises SqlProblem."""
    before = old.sql if old is not None else {}
    lines = {}
    for model in sorted({*before, *new.sql}):
        changed = difference(before.get(model, ""), new.sql.get(model, ""))
        if changed:
            lines[model] = changed
    fields = old.fields if old is not None else {}
    changes = [
        FieldChange(name, _shown(fields.get(name)), _shown(new.fields.get(name)))
        for name in sorted({*fields, *new.fields})
        if fields.get(name) != new.fields.get(name)
    ]
    return MeaningChange(new.metric, lines, changes)


def _normal(text: str) -> str:
    try:
        return normal_sql(text)
    except SqlProblem:
        # SQL that our parser does not know is compared as it is written: a false difference, never a missed one.
        return text


def _without_words(value: Any) -> Any:
    dropped = {"description", "label", "config", "metadata", "meta", "node_relation", "input_measures"}
    if isinstance(value, dict):
        return {key: _without_words(entry) for key, entry in value.items() if key not in dropped and entry is not None}
    if isinstance(value, list):
        return [_without_words(entry) for entry in value]
    return value


def _measure_names(value: Any) -> set[str]:
    """Names under any key that holds a measure, however deep the metric's parameters nest them."""
    found: set[str] = set()
    if isinstance(value, dict):
        for entry in value.values():
            found |= _measure_names(entry)
        if isinstance(value.get("name"), str):
            found.add(value["name"])
    elif isinstance(value, list):
        for entry in value:
            found |= _measure_names(entry)
    return found


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
