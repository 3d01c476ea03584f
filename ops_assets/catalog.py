"""The governed catalogue: metric definitions, checks and watch rules, read from the .yml beside each dbt model.

The dictionary is read from the project's files and not from dbt's manifest, for two reasons: errors can name file and
line, and metrics that the chosen pack cannot feed are still known, so that they can say what they need.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from ops_assets.access import DEFAULT_CLASS, SecurityClass
from ops_assets.checks.rules import CheckRule
from ops_assets.dictionary.base import Strict
from ops_assets.dictionary.check_spec import CheckSpec
from ops_assets.dictionary.metric import Aggregation, DimensionColumns, MetricDefinition
from ops_assets.dictionary.security import ColumnMeta, ModelSecurity
from ops_assets.dictionary.watch_rule import WatchRule
from ops_assets.yaml_lines import YamlDocument

_Model = TypeVar("_Model", bound=BaseModel)


class CatalogError(ValueError):
    """A definition that is wrong; the message names file, line, field and what to do."""


class ServeSpec(Strict):
    """A conformed model that readers may open beside the metrics: its last days, or all of it."""

    window_days: int | None = None


@dataclass(frozen=True)
class Watch:
    """A watch rule with the metric that it looks at; ``columns`` identify the subjects of a rule with a dimension.

    ``file`` and ``line`` say where it is written.
    """

    metric: str
    rule: WatchRule
    aggregation: Aggregation = "ratio"
    direction: Literal["up", "down", "none"] = "none"
    columns: DimensionColumns | None = None
    file: str = ""
    line: int = 1

    @property
    def id(self) -> str:
        return self.rule.name


@dataclass(frozen=True)
class Catalog:
    """All definitions of the project, whatever pack is chosen."""

    metrics: Mapping[str, MetricDefinition]
    checks: tuple[CheckRule, ...]
    served: Mapping[str, ServeSpec]
    security: Mapping[str, ModelSecurity] = field(default_factory=dict)
    watch_lines: Mapping[str, int] = field(default_factory=dict)
    """The line of each watch rule in its metric's file, by its name."""

    def metric(self, name: str) -> MetricDefinition:
        """The definition of ``name`` (with or without the prefix ``metric_``). Raises CatalogError with near names."""
        for candidate in (name, f"metric_{name}"):
            if candidate in self.metrics:
                return self.metrics[candidate]
        raise CatalogError(f"There is no metric {name!r}. Known: {', '.join(sorted(self.metrics))}.")

    def watches(self, overrides: Mapping[str, Mapping[Any, Decimal]] | None = None) -> tuple[Watch, ...]:
        """All watch rules with the bounds that a pack overrides. Raises CatalogError for an unknown rule."""
        rules = {rule.name: (metric, rule) for metric in self.metrics.values() for rule in metric.watch}
        unknown = set(overrides or {}) - set(rules)
        if unknown:
            raise CatalogError(
                f"watch_thresholds names {', '.join(sorted(unknown))}, but there is no such watch rule. "
                f"There are: {', '.join(sorted(rules))}."
            )
        return tuple(
            Watch(
                metric.name,
                _overridden(rule, (overrides or {}).get(name, {})),
                metric.aggregation,
                metric.direction,
                None if rule.dimension is None else metric.dimensions[rule.dimension],
                str(metric.file),
                self.watch_lines.get(name, metric.line),
            )
            for name, (metric, rule) in rules.items()
        )

    def missing(self, metric: str, entities: Sequence[str]) -> tuple[str, ...]:
        """The entities that ``metric`` needs and a pack does not feed."""
        return tuple(need for need in self.metrics[metric].needs if need not in entities)


def load_catalog(models_dir: Path) -> Catalog:
    """Read every .yml under ``models_dir``. Raises CatalogError for the first wrong definition, with file and line."""
    metrics: dict[str, MetricDefinition] = {}
    checks: list[CheckRule] = []
    served: dict[str, ServeSpec] = {}
    security: dict[str, ModelSecurity] = {}
    lines: dict[str, int] = {}
    for path in sorted(models_dir.rglob("*.yml")):
        document = YamlDocument(path)
        security |= _security(document)
        for where, name, meta in _governed_models(document):
            if name.startswith("metric_"):
                metric = _validated(MetricDefinition, document, where, {**meta, **_identity(document, where, name)})
                _require_columns(document, where, metric)
                _require_unit_test(document, where, name)
                metrics[name] = metric
                checks += [spec.rule(name) for spec in metric.checks]
                lines |= {rule.name: document.line((*where, "watch", i)) for i, rule in enumerate(metric.watch)}
                continue
            for index, body in enumerate(meta.get("checks", [])):
                checks.append(_validated(CheckSpec, document, (*where, "checks", index), body).rule(name))
            if "serve" in meta:
                served[name] = _validated(ServeSpec, document, (*where, "serve"), meta["serve"] or {})
            unknown = set(meta) - {"checks", "serve", "rows_may_vanish", "security_class", "row_filter"}
            if unknown:
                raise CatalogError(
                    f"{document.path}:{document.line(where)}: {name}: unknown field(s) {', '.join(sorted(unknown))} "
                    "under config.meta.trueloop."
                )
    _refuse_twins(checks, metrics.values())
    return Catalog(dict(sorted(metrics.items())), tuple(checks), served, security, lines)


def _overridden(rule: WatchRule, bounds: Mapping[Any, Decimal]) -> WatchRule:
    if rule.kind != "threshold" and {"above", "below"} & set(bounds):
        raise CatalogError(
            f"watch_thresholds.{rule.name} sets a bound, but the rule is one of the kind {rule.kind}; "
            "only min_denominator can be overridden there."
        )
    return rule.model_copy(update=dict(bounds))


def _identity(document: YamlDocument, where: tuple[str | int, ...], name: str) -> dict[str, Any]:
    return {"name": name, "file": document.path, "line": document.line(where)}


def _governed_models(document: YamlDocument) -> Iterator[tuple[tuple[str | int, ...], str, dict[str, Any]]]:
    body = document.value if isinstance(document.value, dict) else {}
    for index, model in enumerate(body.get("models") or []):
        meta = ((model.get("config") or {}).get("meta") or {}).get("trueloop")
        if meta is None:
            if model["name"].startswith("metric_"):
                raise CatalogError(
                    f"{document.path}:{document.line(('models', index))}: metric {model['name']} has no governance; "
                    "add config.meta.trueloop."
                )
            continue
        yield ("models", index, "config", "meta", "trueloop"), model["name"], meta


def _security(document: YamlDocument) -> dict[str, ModelSecurity]:
    """The classes of every model of the file by name, and of every source table by ``system.table``."""
    body = document.value if isinstance(document.value, dict) else {}
    found: dict[str, ModelSecurity] = {}
    for index, model in enumerate(body.get("models") or []):
        where: tuple[str | int, ...] = ("models", index)
        stated = _column_classes(document, where, model)
        meta = _trueloop(model)
        place = (*where, "config", "meta", "trueloop")
        given = {"default": meta.get("security_class", DEFAULT_CLASS), "row_filter": meta.get("row_filter")}
        rules = _validated(ModelSecurity, document, place, {**given, "columns": {}})
        column = rules.department_column
        if column is not None and column not in stated:
            raise CatalogError(
                f"{document.path}:{document.line((*place, 'row_filter'))}: row_filter: {model['name']} has no column "
                f"{column!r}. It has: {', '.join(stated)}."
            )
        found[model["name"]] = _with_columns(rules, stated, is_stated="security_class" in meta)
    for index, source in enumerate(body.get("sources") or []):
        for number, table in enumerate(source.get("tables") or []):
            stated = _column_classes(document, ("sources", index, "tables", number), table)
            found[f"{source['name']}.{table['name']}"] = _with_columns(ModelSecurity(columns={}), stated)
    return found


def _with_columns(
    rules: ModelSecurity, stated: Mapping[str, SecurityClass | None], *, is_stated: bool = False
) -> ModelSecurity:
    classes = {name: security_class or rules.default for name, security_class in stated.items()}
    unstated = () if is_stated else tuple(name for name, security_class in stated.items() if security_class is None)
    return rules.model_copy(update={"columns": classes, "unstated": unstated})


def _column_classes(
    document: YamlDocument, where: tuple[str | int, ...], declared: Mapping[str, Any]
) -> dict[str, SecurityClass | None]:
    return {
        column["name"]: _validated(
            ColumnMeta, document, (*where, "columns", number, "config", "meta", "trueloop"), _trueloop(column)
        ).security_class
        for number, column in enumerate(declared.get("columns") or [])
    }


def _trueloop(declared: Mapping[str, Any]) -> dict[str, Any]:
    return ((declared.get("config") or {}).get("meta") or {}).get("trueloop") or {}


def _validated(
    model: type[_Model], document: YamlDocument, where: tuple[str | int, ...], body: Mapping[str, Any]
) -> _Model:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        place = (*where, *first["loc"])
        field = _field(first["loc"])
        missing = [_field(one["loc"]) for one in error.errors() if one["type"] == "missing"]
        if first["type"] == "missing" and len(missing) > 1:
            says = f"{', '.join(missing)}: these {len(missing)} fields are required."
            raise CatalogError(f"{document.path}:{document.line(place)}: {says}") from error
        sentence = first["msg"].removeprefix("Value error, ")
        raise CatalogError(f"{document.path}:{document.line(place)}: {field}: {sentence}.") from error


def _field(place: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in place) or "definition"


_EVERY_METRIC_HAS = ("event_date", "numerator", "denominator", "_batch_seq")


def _require_columns(document: YamlDocument, where: tuple[str | int, ...], metric: MetricDefinition) -> None:
    """What the definition names must be columns of the model that stands beside it."""
    columns = {column["name"] for column in document.value["models"][where[1]].get("columns") or []}
    named: list[tuple[tuple[str | int, ...], str]] = [((), column) for column in _EVERY_METRIC_HAS]
    named += [(("grain",), column) for column in metric.grain]
    for dimension, pair in metric.dimensions.items():
        named += [(("dimensions", dimension), pair.id), (("dimensions", dimension), pair.label)]
    for index, check in enumerate(metric.checks):
        named += [(("checks", index), column) for column in (*check.columns, *filter(None, [check.column]))]
    for place, column in named:
        if column not in columns:
            field = ".".join(str(part) for part in place) or "columns"
            raise CatalogError(
                f"{document.path}:{document.line((*where, *place))}: {field}: {metric.name} has no column {column!r}. "
                f"Its columns are: {', '.join(sorted(columns)) or 'none'}."
            )


def _require_unit_test(document: YamlDocument, where: tuple[str | int, ...], metric: str) -> None:
    tests = document.value.get("unit_tests") or []
    if not any(test.get("model") == metric and test.get("expect") for test in tests):
        raise CatalogError(
            f"{document.path}:{document.line(where[:2])}: unit_tests: {metric} has no unit test; add one with "
            f"`model: {metric}` to the file's unit_tests."
        )


def _refuse_twins(checks: Sequence[CheckRule], metrics: Collection[MetricDefinition]) -> None:
    names = [rule.name for metric in metrics for rule in metric.watch]
    twins = {name for name in names if names.count(name) > 1}
    if twins:
        raise CatalogError(f"Watch rules need names of their own; used twice: {', '.join(sorted(twins))}.")
    seen: set[tuple[str, str]] = set()
    for rule in checks:
        if (rule.asset, rule.name) in seen:
            raise CatalogError(f"{rule.asset} declares the check {rule.name!r} twice; give each its own name.")
        seen.add((rule.asset, rule.name))
