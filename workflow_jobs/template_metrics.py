"""What templates and the catalogue of metrics say of each other: the same for start, refresh, linter and copies.

Belongs here: whether the metric of an effect exists, and whether a watch rule's template takes what a breach gives.
Does not belong here: reading either of them (template_library, ops_assets.catalog).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from ops_assets.catalog import Catalog, CatalogError, Watch
from workflow_jobs.engine.forms import read_value
from workflow_jobs.engine.lint_subject import Finding
from workflow_jobs.engine.refusal import BadValue
from workflow_jobs.engine.template import Template
from workflow_jobs.incidents import INCIDENT_TEMPLATE
from workflow_jobs.template_library import TemplateLibrary, TemplateProblems


def require_together(library: TemplateLibrary, catalog: Catalog, watches: Iterable[Watch]) -> None:
    """Raise TemplateProblems for metrics that do not exist, CatalogError for watch rules that could open no case.

    Both with every finding, each with file and line.
    """
    findings = [finding for template in library for finding in metric_amiss(template, catalog.metrics)]
    if findings:
        raise TemplateProblems(tuple(findings))
    rules = rules_amiss(watches, {template.id: template for template in library})
    if rules:
        raise CatalogError("\n".join(map(str, rules)))


def metric_amiss(template: Template, metrics: Collection[str] | None) -> list[Finding]:
    """The metric of an effect that is none of ``metrics``; None: nobody says which there are."""
    named = template.effect.metric if template.effect is not None else None
    if named is None or metrics is None or named in metrics:
        return []
    says = f"there is no metric {named!r}; {_meant(named, metrics, '`./trueloop metrics list` shows all')}"
    return [Finding(template.file, template.line("effect", "metric"), "", says)]


def rules_amiss(
    watches: Iterable[Watch], templates: Mapping[str, Template], *, among: Collection[str] | None = None
) -> list[Finding]:
    """Watch rules whose template is missing, is not opened by rules, or asks for what a breach does not give.

    ``among``: only rules that name one of these templates. Findings name the metric's file, and the line of the rule.
    """
    found: list[Finding] = []
    for watch in watches:
        wanted = watch.rule.template
        if among is not None and wanted not in among:
            continue
        says = _amiss(watch, templates[wanted]) if wanted in templates else [_no_such(wanted, templates)]
        found += [Finding(watch.file, watch.line, "", f"watch rule {watch.id}: {one}") for one in says]
    return found


def _no_such(wanted: str, templates: Collection[str]) -> str:
    there_are = f"there are: {', '.join(sorted(templates)) or 'none'}"
    return f"there is no template {wanted!r}; {_meant(wanted, templates, there_are)}"


def _meant(asked: str, known: Collection[str], otherwise: str) -> str:
    near = get_close_matches(asked, known, n=1)
    return f"did you mean `{near[0]}`?" if near else otherwise


def _amiss(watch: Watch, template: Template) -> Iterator[str]:
    if "rules" not in template.opened_by:
        yield f"watch rules do not open {template.id!r}: add `rules` to its `opened_by`, or name another template"
    if template.id == INCIDENT_TEMPLATE:
        return  # its inputs are filled with what was found of the data
    given = _given(watch)
    for field in template.inputs:
        if field.name not in given:
            if field.required is True:
                yield (
                    f"{template.id!r} requires the input {field.name!r}, which no breach gives: let it be left out "
                    "there and be asked for in a form, or name another template"
                )
            continue
        try:
            read_value(field, given[field.name])
        except BadValue as bad:
            says = "and a breach gives something else under that name: rename the input"
            yield f"the input {field.name!r} of {template.id!r} {bad}, {says}"


def _given(watch: Watch) -> dict[str, Any]:
    """What a breach of the rule puts into a case, by examples."""
    always = {"as_of": "2026-01-01", "rule_kind": watch.rule.kind, "why": {"en": "", "zh": ""}}
    return always | {"evidence": {}, "contributors": {}} | ({"episode": "2026-01-01"} if watch.rule.missing else {})
