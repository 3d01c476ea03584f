"""What a parsed dbt project says about its models: which are enabled, where their tables are, what stands on what."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class DbtModel:
    """One enabled model. ``relation`` is the quoted name of its table or view."""

    name: str
    unique_id: str
    relation: str
    materialized: str
    schema: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Project:
    """The enabled part of a parsed dbt project. ``upstream`` maps a model to every model that it stands on, ``sources``
    to the identifiers of the raw tables that it stands on. ``code`` changes, by model, with what builds it; its entry
    "" with what builds all of them.
    """

    models: Mapping[str, DbtModel]
    upstream: Mapping[str, frozenset[str]]
    sources: Mapping[str, frozenset[str]]
    fingerprint: str
    code: Mapping[str, str] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        return name in self.models


def read_project(manifest: Mapping[str, Any]) -> Project:
    """Read dbt's manifest. ``fingerprint`` changes with the code of any enabled model, seed or macro."""
    models = {
        node["name"]: DbtModel(
            name=node["name"],
            unique_id=unique_id,
            relation=str(node["relation_name"]),
            materialized=node["config"]["materialized"],
            schema=node["schema"],
            columns=tuple(node["columns"]),
        )
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] in {"model", "seed"} and node.get("relation_name")
    }
    names = {model.unique_id: name for name, model in models.items()}
    parents: dict[str, list[str]] = manifest["parent_map"]
    upstream: dict[str, frozenset[str]] = {}
    sources: dict[str, frozenset[str]] = {}
    for name, model in models.items():
        ancestors = _ancestors(model.unique_id, parents)
        upstream[name] = frozenset(names[node] for node in ancestors if node in names)
        sources[name] = frozenset(
            manifest["sources"][node]["identifier"] for node in ancestors if node in manifest["sources"]
        )
    return Project(
        models=models,
        upstream=upstream,
        sources=sources,
        fingerprint=_fingerprint(manifest),
        code=_code(manifest, names),
    )


def _ancestors(unique_id: str, parents: Mapping[str, list[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(parents.get(unique_id, []))
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += parents.get(node, [])
    return found


def _code(manifest: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    """A digest for each model and seed of its file, its columns, how it is built and its tests; "" for the macros."""
    tests: dict[str, list[str]] = {}
    for unique_id, node in manifest["nodes"].items():
        if node["resource_type"] == "test":
            tests.setdefault(str(node.get("attached_node")), []).append(unique_id)
    found = {}
    for unique_id, name in names.items():
        node = manifest["nodes"][unique_id]
        built = {key: node["config"].get(key) for key in ("materialized", "unique_key", "incremental_strategy")}
        body = [
            (node.get("checksum") or {}).get("checksum"),
            node.get("columns"),
            built,
            sorted(tests.get(unique_id, [])),
        ]
        found[name] = hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()[:16]
    macros = sorted((unique_id, macro["macro_sql"]) for unique_id, macro in manifest["macros"].items())
    return {**found, "": hashlib.sha256(json.dumps(macros).encode()).hexdigest()[:16]}


def _fingerprint(manifest: Mapping[str, Any]) -> str:
    content = sorted(
        (unique_id, str((node.get("checksum") or {}).get("checksum")), json.dumps(node.get("columns"), sort_keys=True))
        for unique_id, node in manifest["nodes"].items()
    ) + sorted((unique_id, macro["macro_sql"], "") for unique_id, macro in manifest["macros"].items())
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
