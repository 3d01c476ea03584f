"""What a proposal changes: meaning by metric, in SQL and fields, and whom and what it touches.

The review is plain JSON, so that pages and cards show later what was reviewed then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ops_assets.catalog import Catalog, CatalogError
from ops_assets.definition_change.candidate import CandidateError, Compiled, candidate_project, compile_project
from ops_assets.definition_change.meaning import Meaning, change_between
from ops_assets.definition_change.register import Register, Version
from ops_assets.project import Project
from resources.platform import Platform


def review(platform: Platform, metric: str | None, changed: Mapping[str, str]) -> tuple[Compiled, dict[str, Any]]:
    """Compile the project in force with the changed files, and say what that would change.

    ``metric`` None means: whatever changes. Raises CandidateError where nothing (of it) changes, or it cannot be built.
    """
    folder = candidate_project(platform, changed) if changed else platform.projects.in_force()
    compiled = compile_project(platform, folder)
    in_force = Register(platform.ops_engine).in_force()
    if not in_force:
        raise CandidateError("Nothing was published yet; run `./trueloop refresh` first.")
    differing = {
        name: meaning
        for name, meaning in compiled.meanings.items()
        if name in in_force and not in_force[name].means(meaning)
    }
    name = _full_name(compiled.catalog, metric)
    gone = sorted(set(in_force) - set(compiled.meanings) - _unavailable(platform, compiled))
    if gone:
        raise CandidateError(f"The change takes {', '.join(gone)} away. Taking a metric away is not proposed.")
    if name is not None and name not in differing:
        others = f" It changes {', '.join(sorted(differing))}." if differing else ""
        raise CandidateError(
            f"The change leaves what {name} means as it is, so it needs no approval.{others} Words, checks and owners "
            "are changed in the checkout."
        )
    if not differing:
        raise CandidateError("Every metric means what its approved definition says; there is nothing to propose.")
    return compiled, {
        "files": sorted(changed),
        "metrics": [_metric(compiled, in_force[one], meaning) for one, meaning in sorted(differing.items())],
        "impact": impact_of(compiled.catalog, compiled.project, _models(in_force, differing)),
    }


def impact_of(catalog: Catalog, project: Project, models: Sequence[str]) -> dict[str, Any]:
    """What stands on these models: metrics with their owners, checks, and the processes that their rules open."""
    touched = {name for name in project.models if name in models or project.upstream[name] & set(models)}
    metrics = sorted(name for name in touched if name in catalog.metrics)
    return {
        "models": sorted(models),
        "metrics": metrics,
        "owners": sorted({catalog.metrics[name].raci.accountable for name in metrics}),
        "checks": sorted(rule.name for rule in catalog.checks if rule.asset in touched),
        "watch_rules": sorted(rule.name for name in metrics for rule in catalog.metrics[name].watch),
        "templates": sorted({rule.template for name in metrics for rule in catalog.metrics[name].watch}),
    }


def _metric(compiled: Compiled, version: Version, meaning: Meaning) -> dict[str, Any]:
    entry = compiled.catalog.metrics[meaning.metric]
    change = change_between(version.meaning, meaning)
    return {
        "metric": entry.name,
        "label_en": entry.label.en,
        "label_zh": entry.label.zh,
        "accountable": entry.raci.accountable,
        "owner_role": entry.owner_role,
        "old_version": version.version,
        "old_digest": version.digest,
        "new_digest": meaning.digest,
        "models": {model: [[line.mark, line.text] for line in lines] for model, lines in change.models.items()},
        "fields": [vars(field) for field in change.fields],
    }


def _models(in_force: Mapping[str, Version], differing: Mapping[str, Meaning]) -> list[str]:
    found: set[str] = set()
    for name, meaning in differing.items():
        change = change_between(in_force[name].meaning, meaning)
        found |= set(change.models) or {name}
    return sorted(found)


def _full_name(catalog: Catalog, metric: str | None) -> str | None:
    if metric is None:
        return None
    try:
        return catalog.metric(metric).name
    except CatalogError as error:
        raise CandidateError(str(error)) from error


def _unavailable(platform: Platform, compiled: Compiled) -> set[str]:
    """Metrics that stand in the dictionary but that the chosen pack does not build."""
    return {name for name in compiled.catalog.metrics if compiled.catalog.missing(name, platform.pack.entities)}
