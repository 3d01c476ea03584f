"""Which metrics may be published as they are built: those whose meaning is the approved one.

The others keep the figures and the definition of their last good publication. Belongs here: that comparison, the
compiled SQL that it needs, and the bundle in which held metrics keep their definition. Does not belong here: how a
change is approved (proposals, publication).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ops_assets.catalog import Catalog
from ops_assets.checks.trust import Words
from ops_assets.definition_bundle import DefinitionBundle
from ops_assets.definition_change.candidate import compile_project
from ops_assets.definition_change.compiled_sql import compiled_sql, current_meanings, note_compiled, sql_of
from ops_assets.definition_change.meaning import Meaning, semantic_of
from ops_assets.definition_change.register import Register, Version
from ops_assets.lineage import Lineage
from ops_assets.project import Project
from resources.platform import Platform

ADOPTED = "The definitions that this installation was started with."


@dataclass(frozen=True)
class Standing:
    """``versions`` are those in force by metric; ``unapproved`` says of each metric that is built otherwise, why it is
    held back.
    """

    versions: Mapping[str, Version]
    unapproved: Mapping[str, Words]


def standing(platform: Platform, catalog: Catalog, project: Project, semantic_manifest: str, *, built: str) -> Standing:
    """Compare what is built (project fingerprint ``built``) with the register; adopts metrics that it does not know.

    Raises DbtError where the compiled SQL has to be made anew and cannot.
    """
    compiled = compiled_sql(platform, built)
    if compiled is None or not compiled.keys() >= set(project.models):
        compiled = _compile_in_force(platform, built)
    meanings = current_meanings(platform, catalog, project, compiled, semantic_manifest)
    register = Register(platform.ops_engine)
    known = register.in_force()
    strangers = [meaning for name, meaning in meanings.items() if name not in known]
    if strangers:
        kept = platform.projects.keep(platform.projects.in_force())
        register.adopt(strangers, catalog, project=kept, now=platform.clock.now(), reason=ADOPTED)
        known = register.in_force()
    unapproved = {
        name: _sentence(register, catalog, known[name], meaning, rebuilt=built != project.fingerprint)
        for name, meaning in meanings.items()
        if not _same(known[name], meaning)
    }
    return Standing(known, unapproved)


def keep_definitions(new: DefinitionBundle, old: DefinitionBundle, metrics: Collection[str]) -> DefinitionBundle:
    """``new``, with what ``old`` says of these metrics: their entries, what MetricFlow reads of them, their lineage."""
    kept = {name for name in metrics if name in old.metrics}
    if not kept:
        return new
    relations = {name: relation for name, relation in new.lineage.relations.items() if name not in kept}
    relations |= {name: relation for name, relation in old.lineage.relations.items() if name in kept}
    return replace(
        new,
        metrics={**new.metrics, **{name: old.metrics[name] for name in kept}},
        semantic_manifest=_with_models_of(new.semantic_manifest, old.semantic_manifest, kept),
        lineage=Lineage(relations),
    )


def _compile_in_force(platform: Platform, built: str) -> dict[str, str]:
    """The state folder has no compiled SQL of what is built: an older version of the platform built it."""
    manifest = compile_project(platform, platform.projects.in_force()).manifest
    note_compiled(platform, built, manifest)
    return sql_of(manifest)


def _same(version: Version, meaning: Meaning) -> bool:
    # Equal texts need no parser; that is so in nearly every refresh.
    return version.meaning == meaning or version.means(meaning)


def _sentence(register: Register, catalog: Catalog, version: Version, meaning: Meaning, *, rebuilt: bool) -> Words:
    metric = catalog.metrics[version.metric]
    other = next((known for known in register.versions(metric.name) if _same(known, meaning)), None)
    if other is not None and rebuilt:
        return Words(
            f"Version {version.version} of the definition is in force, but version {other.version} was built; the next "
            "refresh builds the one in force.",
            f"现行口径为版本 {version.version}，但已构建的是版本 {other.version}；下次刷新按现行口径构建。",
        )
    command = f"`./trueloop metrics propose {metric.name}`"
    return Words(
        f"The definition changed without approval of {metric.raci.accountable}; propose it with {command}.",
        f"口径变更未经 {metric.raci.accountable} 批准；请用 {command} 提出变更。",
    )


def _with_models_of(new: str, old: str, metrics: Collection[str]) -> str:
    if new == old:
        return new
    body, before = json.loads(new or "{}"), json.loads(old or "{}")
    mine_new, mine_old = _own(body, metrics), _own(before, metrics)
    for key in ("semantic_models", "metrics"):
        stay = [entry for entry in body.get(key) or [] if entry["name"] not in mine_new[key]]
        body[key] = stay + [entry for entry in before.get(key) or [] if entry["name"] in mine_old[key]]
    return json.dumps(body)


def _own(body: Mapping[str, Any], metrics: Collection[str]) -> dict[str, set[str]]:
    """Names of the semantic models that stand on these metric models, and of the metrics on their measures."""
    models = [
        model
        for model in body.get("semantic_models") or []
        if ((model.get("node_relation") or {}).get("alias") or model["name"]) in metrics
    ]
    listed = semantic_of(json.dumps(dict(body)))
    return {
        "semantic_models": {model["name"] for model in models},
        "metrics": {entry["name"] for name in metrics for entry in listed.get(name, {}).get("metrics", [])},
    }
