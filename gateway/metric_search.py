"""Which texts a metric is found by, and the search index of a snapshot's definitions.

The embedder for search by meaning is the company's: a setting names ``module:function``, which gives an
``ops_assets.search.Embedder``. Without the setting, search goes by words alone.
"""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from gateway.words import LANGUAGES, text
from ops_assets.definition_bundle import DefinitionBundle, bundle_of
from ops_assets.search import Embedder, Entry, Field, Found, Kind, SearchIndex
from resources.serving import Snapshot, SnapshotStore

_log = logging.getLogger(__name__)
_MOST_INDEXES = 4
_indexes: dict[tuple[str, str], SearchIndex] = {}
_lock = threading.Lock()


class EmbedderError(ValueError):
    """The setting that names the embedder is wrong; the message says what it must look like."""


def search_metrics(store: SnapshotStore, snapshot: Snapshot, query: str, embedder: str = "") -> list[Found]:
    """The metrics of ``snapshot`` that ``query`` finds, best first. ``embedder`` is the setting ``search_embedder``.

    An embedder that fails is logged, and words alone are searched: a model that is away must not hide the metrics.
    Raises EmbedderError for a setting that names nothing.
    """
    index = _index(store, snapshot, embedder)
    try:
        return index.search(query)
    except Exception:
        if not embedder:
            raise
        _log.exception("the embedder %s failed; searching by words alone", embedder)
        return _index(store, snapshot, "").search(query)


@lru_cache(maxsize=2)
def load_embedder(name: str) -> Embedder:
    """The embedder that ``module:function`` gives. Raises EmbedderError."""
    module, _, function = name.partition(":")
    if not module or not function:
        raise EmbedderError(f"TRUELOOP_SEARCH_EMBEDDER must be written as module:function, not {name!r}.")
    try:
        made = getattr(importlib.import_module(module), function)()
    except (ImportError, AttributeError) as error:
        raise EmbedderError(f"TRUELOOP_SEARCH_EMBEDDER names {name!r}, which cannot be loaded: {error}.") from error
    if not hasattr(made, "embed") or not hasattr(made, "least_similarity"):
        raise EmbedderError(f"{name!r} gave a {type(made).__name__}, which has no embed() and least_similarity.")
    embedder: Embedder = made
    return embedder


def _index(store: SnapshotStore, snapshot: Snapshot, embedder: str) -> SearchIndex:
    key = (snapshot.info.definitions or snapshot.id, embedder)
    with _lock:
        if key not in _indexes:
            rows = snapshot.rows("select metric, label_en, label_zh, domain, owner_role from metrics order by metric")
            bundle = bundle_of(store, snapshot)
            entries = [_entry(row, bundle) for row in rows]
            while len(_indexes) >= _MOST_INDEXES:
                _indexes.pop(next(iter(_indexes)))
            _indexes[key] = SearchIndex(entries, load_embedder(embedder) if embedder else None)
        return _indexes[key]


def _entry(row: Mapping[str, Any], bundle: DefinitionBundle) -> Entry:
    fields = [Field("label", row["label_en"] or ""), Field("label", row["label_zh"] or "")]
    fields.append(Field("name", row["metric"].removeprefix("metric_").replace("_", " ")))
    fields += _in_both("domain", f"domain_{row['domain']}") + _in_both("owner", f"role_{row['owner_role']}")
    fields.append(Field("owner", (row["owner_role"] or "").replace("_", " ")))
    metric = bundle.metrics.get(row["metric"])
    if metric is not None:
        fields += [Field("synonym", word) for word in (*metric.synonyms.en, *metric.synonyms.zh)]
        fields += [Field("definition", metric.definition.en), Field("definition", metric.definition.zh)]
        fields += [Field("dimension", name.replace("_", " ")) for name in metric.dimensions]
        fields += [field for name in metric.dimensions for field in _in_both("dimension", f"dimension_{name}")]
    return Entry(row["metric"], tuple(field for field in fields if field.text.strip()))


def _in_both(kind: Kind, key: str) -> list[Field]:
    """The words of a key in both languages; none where it has no words."""
    words = [text(language, key) for language in LANGUAGES]
    return [Field(kind, word) for word in words if word != key]
