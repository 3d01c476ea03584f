"""The definitions behind a snapshot: what its figures mean, kept with it for as long as it is kept.

Readers take meaning from here and never from the working project, which may already say something else. A bundle is
stored once for each digest, however many snapshots were made with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from ops_assets.catalog import Catalog
from ops_assets.class_inheritance import with_inherited_classes
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.dictionary.security import ModelSecurity
from ops_assets.lineage import Lineage
from resources.serving import Snapshot, SnapshotStore

_MOST_BUNDLES = 8


@dataclass(frozen=True)
class DefinitionBundle:
    """The dictionary's entries, dbt's semantic manifest (JSON text), the lineage and the security of every model, as of
    one publication.
    """

    metrics: Mapping[str, MetricDefinition]
    semantic_manifest: str = "{}"
    lineage: Lineage = field(default_factory=lambda: Lineage({}))
    security: Mapping[str, ModelSecurity] = field(default_factory=dict)
    checks: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Changes with every word of a definition; 16 hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        return {
            "metrics": {name: metric.model_dump(mode="json") for name, metric in sorted(self.metrics.items())},
            "semantic_manifest": self.semantic_manifest,
            "lineage": self.lineage.to_json(),
            "security": {name: model.model_dump(mode="json") for name, model in sorted(self.security.items())},
            "checks": {asset: [list(check) for check in checks] for asset, checks in sorted(self.checks.items())},
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> DefinitionBundle:
        """Raises pydantic.ValidationError for a bundle that another version of the platform wrote in another form."""
        return cls(
            metrics={name: MetricDefinition.model_validate(metric) for name, metric in body["metrics"].items()},
            semantic_manifest=body["semantic_manifest"],
            lineage=Lineage.from_json(body["lineage"]),
            security={name: ModelSecurity.model_validate(model) for name, model in body.get("security", {}).items()},
            checks={asset: tuple(map(tuple, checks)) for asset, checks in body.get("checks", {}).items()},
        )


def make_bundle(
    catalog: Catalog, models_dir: Path, *, semantic_manifest: str = "{}", lineage: Lineage | None = None
) -> DefinitionBundle:
    """Bundle the definitions of the working project; file names become relative to ``models_dir``."""
    metrics = {
        name: metric.model_copy(update={"file": _relative(metric.file, models_dir)})
        for name, metric in catalog.metrics.items()
    }
    checks: dict[str, tuple[tuple[str, str], ...]] = {}
    for rule in catalog.checks:
        reads = " ".join((*rule.columns, rule.condition or "", rule.event_column if rule.window_days else ""))
        checks[rule.asset] = (*checks.get(rule.asset, ()), (rule.name, reads))
    return DefinitionBundle(
        metrics=metrics,
        semantic_manifest=semantic_manifest,
        lineage=lineage or Lineage({}),
        security=with_inherited_classes(catalog.security, lineage or Lineage({})),
        checks=checks,
    )


def store_bundle(store: SnapshotStore, bundle: DefinitionBundle) -> None:
    """Keep a bundle durably; one that is kept already is left as it is."""
    store.write_definitions(bundle.digest, bundle.to_json())


def bundle_of(store: SnapshotStore, snapshot: Snapshot) -> DefinitionBundle:
    """The definitions that made ``snapshot``. One that was published before bundles existed has an empty one."""
    digest = snapshot.info.definitions
    return DefinitionBundle(metrics={}) if not digest else _load(store.definitions_path(digest))


@lru_cache(maxsize=_MOST_BUNDLES)
def _load(path: Path) -> DefinitionBundle:
    # A digest names its content for good, so a path never has to be read twice.
    return DefinitionBundle.from_json(json.loads(path.read_text(encoding="utf-8")))


def _relative(path: Path, folder: Path) -> Path:
    return path.relative_to(folder) if path.is_relative_to(folder) else path
