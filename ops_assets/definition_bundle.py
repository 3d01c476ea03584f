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
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.dictionary.security import ModelSecurity
from resources.serving import Snapshot, SnapshotStore

_MOST_BUNDLES = 8


@dataclass(frozen=True)
class DefinitionBundle:
    """The dictionary's entries, dbt's semantic manifest (JSON text), the lineage and the security of every model, as of
    one publication.
    """

    metrics: Mapping[str, MetricDefinition]
    semantic_manifest: str = "{}"
    lineage: Mapping[str, Any] = field(default_factory=dict)
    security: Mapping[str, ModelSecurity] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Changes with every word of a definition; 16 hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        return {
            "metrics": {name: metric.model_dump(mode="json") for name, metric in sorted(self.metrics.items())},
            "semantic_manifest": self.semantic_manifest,
            "lineage": dict(self.lineage),
            "security": {name: model.model_dump(mode="json") for name, model in sorted(self.security.items())},
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> DefinitionBundle:
        """Raises pydantic.ValidationError for a bundle that another version of the platform wrote in another form."""
        return cls(
            metrics={name: MetricDefinition.model_validate(metric) for name, metric in body["metrics"].items()},
            semantic_manifest=body["semantic_manifest"],
            lineage=body["lineage"],
            security={name: ModelSecurity.model_validate(model) for name, model in body.get("security", {}).items()},
        )


def make_bundle(
    catalog: Catalog, models_dir: Path, *, semantic_manifest: str = "{}", lineage: Mapping[str, Any] | None = None
) -> DefinitionBundle:
    """Bundle the definitions of the working project; file names become relative to ``models_dir``."""
    metrics = {
        name: metric.model_copy(update={"file": _relative(metric.file, models_dir)})
        for name, metric in catalog.metrics.items()
    }
    return DefinitionBundle(
        metrics=metrics, semantic_manifest=semantic_manifest, lineage=lineage or {}, security=catalog.security
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
