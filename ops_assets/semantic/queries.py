"""Metric queries from question to answer: the one entry for API, command line and pages.

Belongs here: what is kept between queries, and for how long. All of it is bounded and falls out with its snapshot or
its definitions; nothing needs to be invalidated, because neither ever changes under its name.
"""

from __future__ import annotations

import threading
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from ops_assets.access import AccessPolicy, Reader
from ops_assets.checks.trust import Trust
from ops_assets.definition_bundle import DefinitionBundle, bundle_of
from ops_assets.dictionary.metric import DimensionColumns
from ops_assets.governed_figures import GovernedFigures
from ops_assets.semantic.answers import Answer, answer
from ops_assets.semantic.bounded import BoundedCache
from ops_assets.semantic.compiled import Statement, compiled
from ops_assets.semantic.engine import CompileEngine
from ops_assets.semantic.executor import Executor
from ops_assets.semantic.formats import Format, encode
from ops_assets.semantic.plan import Plan, plan
from ops_assets.semantic.published import PublishedFacts, read_facts
from ops_assets.semantic.query import MetricQuery
from ops_assets.semantic.shape import Shape
from ops_assets.trust import trust_of
from resources.serving import Snapshot, SnapshotStore

_MOST_SNAPSHOTS, _MOST_ENGINES, _MOST_SHAPES = 4, 4, 1_000
_MOST_LABELS = 200_000
_LABELS_AT_ONCE = 20_000
_RESULT_BYTES = 48 * 1024 * 1024
# MetricFlow keeps up to a thousand plans of each engine; a new engine is cheaper than their memory.
_COMPILATIONS_OF_AN_ENGINE = 300


class MetricQueries:
    """Answers metric queries of one installation. Threads may share it."""

    def __init__(
        self,
        store: SnapshotStore,
        policy: AccessPolicy,
        now: Callable[[], datetime],
        executor: Executor | None = None,
    ) -> None:
        self._store = store
        self._policy = policy
        self._now = now
        self._executor = executor or Executor()
        self._facts: BoundedCache[str, PublishedFacts] = BoundedCache(_MOST_SNAPSHOTS)
        self._engines: BoundedCache[str, _Warm] = BoundedCache(_MOST_ENGINES)
        self._statements: BoundedCache[tuple[str, Shape], Statement] = BoundedCache(_MOST_SHAPES)
        self._labels: BoundedCache[tuple[str, str, str], Mapping[str, str]] = BoundedCache(_MOST_LABELS)
        self._results: BoundedCache[tuple[object, ...], bytes] = BoundedCache(_RESULT_BYTES)
        self._trust: tuple[str, int, Mapping[str, Trust], tuple[object, ...]] | None = None
        self._compiling = threading.Lock()

    def encoded(self, query: MetricQuery, reader: Reader, form: Format, snapshot: Snapshot) -> bytes:
        """The answer from ``snapshot`` in a format, from memory where it was given before. Raises QueryError."""
        trust, states = self._trust_now(snapshot)
        key = _key(query, reader, form, snapshot, states)
        kept = self._results.get(key)
        if kept is not None:
            return kept
        body = encode(self._answer(query, reader, snapshot, trust), form)
        self._results.put(key, body, len(body) + 1_000)
        return body

    def kept(self, query: MetricQuery, reader: Reader, form: Format, snapshot: Snapshot) -> bytes | None:
        """The answer where it was given before; nothing is computed or read for it."""
        return self._results.get(_key(query, reader, form, snapshot, self._trust_now(snapshot)[1]))

    def answer(self, query: MetricQuery, reader: Reader, snapshot: Snapshot) -> Answer:
        """The answer from ``snapshot``, computed anew. Raises QueryError."""
        return self._answer(query, reader, snapshot, self._trust_now(snapshot)[0])

    def facts(self, snapshot: Snapshot) -> PublishedFacts:
        """What the snapshot says of its metrics."""
        found = self._facts.get(snapshot.id)
        if found is None:
            found = read_facts(snapshot, bundle_of(self._store, snapshot))
            self._facts.put(snapshot.id, found)
        return found

    def plan(self, query: MetricQuery, reader: Reader, snapshot: Snapshot) -> Plan:
        """The query judged, without compiling or running it. Raises QueryError."""
        bundle = bundle_of(self._store, snapshot)
        return plan(query, self.facts(snapshot), GovernedFigures(bundle, self._policy), reader)

    def statement(self, judged: Plan, snapshot: Snapshot) -> Statement:
        """The compiled statement of a plan; compiled once for each shape and set of definitions."""
        bundle = bundle_of(self._store, snapshot)
        digest = snapshot.info.definitions
        key = (digest, judged.shape)
        found = self._statements.get(key)
        if found is None:
            found = compiled(self._compile(digest, bundle, judged.shape), judged.shape, bundle.metrics)
            self._statements.put(key, found)
        return found

    def forget_statements(self) -> None:
        """Compile everything anew, as after a start; for measuring."""
        self._statements = BoundedCache(_MOST_SHAPES)

    def _answer(self, query: MetricQuery, reader: Reader, snapshot: Snapshot, trust: Mapping[str, Trust]) -> Answer:
        judged = self.plan(query, reader, snapshot)
        rows = self._executor.rows(snapshot, self.statement(judged, snapshot), judged.values)
        start = 1 if query.grain else 0
        labels = [
            self._labels_of(judged, snapshot, name, [row[start + place] for row in rows])
            for place, name in enumerate(query.dimensions)
        ]
        return answer(query, judged, snapshot, rows, labels, trust)

    def _compile(self, digest: str, bundle: DefinitionBundle, shape: Shape) -> str:
        with self._compiling:
            return self._engine_of(digest, bundle).compile(shape)

    def _engine_of(self, digest: str, bundle: DefinitionBundle) -> _Warm:
        found = self._engines.get(digest)
        if found is None or found.compiled >= _COMPILATIONS_OF_AN_ENGINE:
            found = _Warm(bundle.semantic_manifest)
            self._engines.put(digest, found)
        return found

    def _labels_of(
        self, judged: Plan, snapshot: Snapshot, dimension: str, ids: Sequence[str | None]
    ) -> Mapping[str, str]:
        """Id to label of a dimension; where metrics have different labels for one id, the first metric's."""
        bundle = bundle_of(self._store, snapshot)
        found = []
        for source in judged.shape.sources:
            columns = bundle.metrics[source.metric].dimensions[dimension]
            relation = self._relation_with_label(snapshot, source.metric, columns.label, columns.id)
            if columns.id != columns.label and relation is not None:
                key = (snapshot.id, source.metric, dimension)
                found.append(self._labels_in(snapshot, relation, columns, key, ids))
        return found[0] if len(found) == 1 else ChainMap(*(dict(labels) for labels in found))

    def _labels_in(
        self,
        snapshot: Snapshot,
        relation: str,
        columns: DimensionColumns,
        key: tuple[str, str, str],
        ids: Sequence[str | None],
    ) -> Mapping[str, str]:
        """All labels of the dimension where it is small enough to keep them, else those of ``ids``."""
        kept = self._labels.get(key)
        if kept is not None:
            return kept
        sql = (
            f'select cast("{columns.id}" as varchar), max(cast("{columns.label}" as varchar)) '
            f'from "{relation}" where "{columns.id}" is not null'
        )
        rows = self._executor.fetch(snapshot, f"{sql} group by 1 limit $most", {"most": _LABELS_AT_ONCE + 1})
        if len(rows) <= _LABELS_AT_ONCE:
            found = dict(rows)
            self._labels.put(key, found, len(found) + 1)
            return found
        wanted = sorted({one for one in ids if one is not None})
        asked = f'{sql} and list_contains($ids, cast("{columns.id}" as varchar)) group by 1'
        return dict(self._executor.fetch(snapshot, asked, {"ids": wanted}))

    def _relation_with_label(self, snapshot: Snapshot, metric: str, *columns: str) -> str | None:
        facts = self.facts(snapshot)
        for relation in (facts.rollup_of(metric), metric):
            if relation is not None and set(columns) <= facts.relations.get(relation, frozenset()):
                return relation
        return None

    def _trust_now(self, snapshot: Snapshot) -> tuple[Mapping[str, Trust], tuple[object, ...]]:
        """The states of all metrics, judged once a second, and what tells answers of different states apart."""
        now = self._now()
        second = int(now.timestamp())
        last = self._trust
        if last is None or last[:2] != (snapshot.id, second):
            trust = trust_of(snapshot, now)
            states = tuple((name, one.state, one.score, one.since) for name, one in sorted(trust.items()))
            last = self._trust = (snapshot.id, second, trust, (hash(states),))
        return last[2], last[3]


def _key(
    query: MetricQuery, reader: Reader, form: Format, snapshot: Snapshot, states: tuple[object, ...]
) -> tuple[object, ...]:
    """What an answer depends on, but the time: ``states`` changes when the trust in any metric does."""
    return (snapshot.id, reader.role, reader.departments, query, form, states)


class _Warm:
    """An engine and how often it has compiled."""

    def __init__(self, manifest: str) -> None:
        self._engine = CompileEngine(manifest)
        self.compiled = 0

    def compile(self, shape: Shape) -> str:
        self.compiled += 1
        return self._engine.compile(shape)
