"""Rows that stop coming over random lineages: one cause for all that it silences, and none where nothing is shared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ops_assets.root_causes import Failure, SourceTrouble, root_causes
from ops_assets.silences import Causes, Silence, causes_with_silences, silent_models

Lineage = Mapping[str, frozenset[str]]
TABLES = ["erp__orders", "wms__moves", "mes__runs"]


@dataclass(frozen=True)
class World:
    """Models in layers, metrics on top of them, what failed, what is silent and which deliveries are missing."""

    upstream: Lineage
    sources: Lineage
    rows_from: Lineage
    failures: tuple[Failure, ...]
    silences: tuple[Silence, ...]
    troubles: tuple[SourceTrouble, ...]

    def causes(self) -> Causes:
        return causes_with_silences(
            self.failures, self.silences, self.upstream, self.sources, self.rows_from, self.troubles
        )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    models = [f"m{number:02}" for number in range(draw(st.integers(1, 8)))]
    metrics = [f"metric_{number}" for number in range(draw(st.integers(1, 6)))]
    upstream: dict[str, frozenset[str]] = {}
    sources: dict[str, frozenset[str]] = {}
    rows_from: dict[str, frozenset[str]] = {}
    for number, name in enumerate([*models, *metrics]):
        below = models[:number] if name in models else models
        parents = draw(st.sets(st.sampled_from(below), max_size=3)) if below else set()
        own = draw(st.sets(st.sampled_from(TABLES), max_size=1)) if name in models else set()
        upstream[name] = frozenset(parents).union(*(upstream[parent] for parent in parents))
        sources[name] = frozenset(own).union(*(sources[parent] for parent in parents))
        # The rows come down one line of parents; the other parents only add columns.
        line = draw(st.sampled_from(sorted(parents))) if parents else None
        rows_from[name] = frozenset() if line is None else frozenset({line}) | rows_from[line]
    failed = draw(st.sets(st.sampled_from([*models, *metrics]), max_size=2))
    silent = draw(st.sets(st.tuples(st.sampled_from(metrics), st.sampled_from(["", "", "S1"])), max_size=8))
    missing = draw(st.sets(st.sampled_from(TABLES), max_size=1))
    return World(
        upstream,
        sources,
        {name: rows_from[name] for name in metrics},
        tuple(Failure(asset, "in_range", "x") for asset in sorted(failed)),
        tuple(Silence(metric, f"{metric}_without_rows", subject, "none") for metric, subject in sorted(silent)),
        tuple(SourceTrouble(f"source/{table}", table, frozenset({table}), "late") for table in sorted(missing)),
    )


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_every_silence_is_part_of_a_cause_that_it_stands_on_or_alone(world: World) -> None:
    found = world.causes()
    failed = {failure.asset for failure in world.failures}
    late = frozenset[str]().union(*(trouble.tables for trouble in world.troubles))
    members = {root.id: {root.id, *root.symptoms} for root in found.roots}
    for silence in world.silences:
        line = {silence.metric} | world.upstream[silence.metric]
        if silence in found.explained:
            assert any(silence.metric in one for one in members.values())
        else:
            assert not line & failed and not world.sources[silence.metric] & late
            assert silence.metric not in set().union(*members.values())
    for root in found.roots:
        assert root.failures
        if root.kind == "asset":
            assert all(root.id in world.upstream[symptom] for symptom in root.symptoms)
    # Metrics that stay alone share no model that their rows come from.
    alone = sorted({one.metric for one in world.silences if not one.subject and one not in found.explained})
    for number, metric in enumerate(alone):
        for other in alone[number + 1 :]:
            assert not world.rows_from[metric] & world.rows_from[other]


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_silences_take_no_cause_of_a_failure_away_and_put_none_above_another(world: World) -> None:
    found = world.causes()
    assets = {root.id for root in found.roots if root.kind == "asset"}
    for root in assets:
        assert not world.upstream[root] & assets
    red = {root.id for root in root_causes(world.failures, world.upstream, world.sources, world.troubles)}
    belongs = set().union(*({root.id, *root.symptoms} for root in found.roots))
    assert red <= belongs


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_metrics_that_lose_the_rows_of_one_feed_are_one_cause_the_source(world: World) -> None:
    table = TABLES[0]
    trouble = SourceTrouble("source/erp", "erp: no delivery", frozenset({table}), "late")
    below = [one for one in world.silences if table in world.sources[one.metric]]
    if not below:
        return
    found = causes_with_silences((), below, world.upstream, world.sources, world.rows_from, [trouble])
    assert [(root.id, root.kind) for root in found.roots] == [("source/erp", "source")]
    metrics = {one.metric for one in below}
    between = set(found.roots[0].symptoms) - metrics
    assert metrics <= set(found.roots[0].symptoms)
    assert all(table in world.sources[model] for model in between), "what else is silent stands on the feed as well"
    assert found.explained == frozenset(below)


@settings(max_examples=60, deadline=None)
@given(worlds(), st.randoms())
def test_metrics_on_one_model_are_one_cause_the_nearest_they_share(world: World, chance: Random) -> None:
    found = silent_models(world.rows_from, world.upstream)
    for model, metrics in found.items():
        assert len(metrics) > 1
        shared = frozenset[str].intersection(*(world.rows_from[metric] for metric in metrics))
        assert model in shared
        assert not any(model in world.upstream[other] for other in shared), "a nearer one is shared by all of them"
    shuffled = list(world.rows_from)
    chance.shuffle(shuffled)
    assert silent_models({name: world.rows_from[name] for name in shuffled}, world.upstream) == found
    whole = [Silence(metric, "rule") for metric in world.rows_from]
    causes = causes_with_silences((), whole, world.upstream, world.sources, world.rows_from)
    assert dict(causes.silent_models) == found
    # A model below another cause is that one's symptom.
    assert {root.id for root in causes.roots} == {one for one in found if not world.upstream[one] & found.keys()}


def test_a_shared_dimension_is_no_cause_and_one_silent_metric_is_alone() -> None:
    upstream = {name: frozenset({fact, "dim_item"}) for name, fact in (("a", "fct_1"), ("b", "fct_2"), ("c", "fct_2"))}
    rows_from = {"a": frozenset({"fct_1"}), "b": frozenset({"fct_2"}), "c": frozenset({"fct_2"})}
    silences = [Silence(name, f"{name}_without_rows", sentence="no row since May") for name in "abc"]
    found = causes_with_silences((), silences, upstream, {}, rows_from)
    (root,) = found.roots
    assert (root.id, root.symptoms) == ("fct_2", ("b", "c"))
    assert [failure.sentence for failure in root.failures] == ["b: no row since May", "c: no row since May"]
    assert found.explained == frozenset(silences[1:])
