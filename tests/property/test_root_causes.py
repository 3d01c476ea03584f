"""Root causes over random lineages: every failure has one, none stands on another, and symptoms add none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ops_assets.root_causes import Failure, SourceTrouble, root_causes

Lineage = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class World:
    """Models in layers with their ancestors and source tables, failures and missing deliveries."""

    upstream: Lineage
    sources: Lineage
    failures: tuple[Failure, ...]
    troubles: tuple[SourceTrouble, ...]

    @property
    def failed(self) -> frozenset[str]:
        return frozenset(failure.asset for failure in self.failures)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    count = draw(st.integers(1, 14))
    names = [f"m{number:02}" for number in range(count)]
    tables = ["erp__orders", "erp__lines", "wms__moves", "mes__runs"]
    upstream: dict[str, frozenset[str]] = {}
    sources: dict[str, frozenset[str]] = {}
    for number, name in enumerate(names):
        parents = draw(st.sets(st.sampled_from(names[:number]), max_size=3)) if number else set()
        own = draw(st.sets(st.sampled_from(tables), max_size=2))
        upstream[name] = frozenset(parents).union(*(upstream[parent] for parent in parents))
        sources[name] = frozenset(own).union(*(sources[parent] for parent in parents))
    checks = st.tuples(st.sampled_from(names), st.sampled_from(("recent", "complete", "was_built")))
    failures = tuple(
        Failure(asset, check, "x", timeliness=check == "recent") for asset, check in draw(st.sets(checks, max_size=20))
    )
    missing = draw(st.sets(st.sampled_from(tables), max_size=2))
    troubles = tuple(SourceTrouble(f"source/{table}", table, frozenset({table}), "late") for table in sorted(missing))
    return World(upstream, sources, failures, troubles)


def grouped(world: World) -> dict[str, frozenset[str]]:
    """Each root's id with everything that its incident is about."""
    found = root_causes(world.failures, world.upstream, world.sources, world.troubles)
    return {root.id: frozenset(root.symptoms) | ({root.id} if root.kind == "asset" else frozenset()) for root in found}


@settings(max_examples=50)
@given(worlds())
def test_every_failure_belongs_to_a_root_and_nothing_else_does(world: World) -> None:
    found = grouped(world)
    assert frozenset().union(*found.values()) == world.failed
    assert all(found.values()), "a root without anything that fails is none"


@settings(max_examples=50)
@given(worlds())
def test_no_root_stands_on_another_and_every_symptom_stands_on_its_root(world: World) -> None:
    found = root_causes(world.failures, world.upstream, world.sources, world.troubles)
    assets = {root.id for root in found if root.kind == "asset"}
    tables = {trouble.id: trouble.tables for trouble in world.troubles}
    for root in found:
        assert root.failures
        if root.kind == "asset":
            assert not world.upstream[root.id] & world.failed
            assert all(root.id in world.upstream[symptom] for symptom in root.symptoms)
            assert not assets & set(root.symptoms)
        else:
            assert all(tables[root.id] & world.sources[symptom] for symptom in root.symptoms)


@settings(max_examples=50)
@given(worlds(), st.randoms())
def test_the_order_of_what_is_found_does_not_matter(world: World, chance: Random) -> None:
    failures, troubles = list(world.failures), list(world.troubles)
    chance.shuffle(failures)
    chance.shuffle(troubles)
    again = root_causes([*failures, *failures], world.upstream, world.sources, troubles)
    assert again == root_causes(world.failures, world.upstream, world.sources, world.troubles)


@settings(max_examples=50)
@given(worlds(), st.data())
def test_one_more_failure_downstream_adds_no_root(world: World, data: st.DataObject) -> None:
    below = sorted(name for name, above in world.upstream.items() if above & world.failed)
    if not below:
        return
    more = Failure(data.draw(st.sampled_from(below)), "another", "x")
    roots = {root.id for root in root_causes(world.failures, world.upstream, world.sources, world.troubles)}
    after = root_causes((*world.failures, more), world.upstream, world.sources, world.troubles)
    # A failed model of its own may have been its own root's check; downstream of a failure it never is a new one.
    assert {root.id for root in after} <= roots


@settings(max_examples=50)
@given(worlds())
def test_without_missing_deliveries_the_roots_are_the_topmost_failures(world: World) -> None:
    found = root_causes(world.failures, world.upstream, world.sources)
    assert {root.id for root in found} == {one for one in world.failed if not world.upstream[one] & world.failed}


def test_a_late_delivery_explains_age_and_no_wrong_figure() -> None:
    upstream = {"fct": frozenset[str](), "metric": frozenset({"fct"})}
    sources = {"fct": frozenset({"wms__moves"}), "metric": frozenset({"wms__moves"})}
    late = SourceTrouble("source/wms", "wms: no delivery", frozenset({"wms__moves"}), "wms__moves last came on ...")
    old, wrong = Failure("fct", "recent", timeliness=True), Failure("fct", "in_range")
    (root,) = root_causes([old, Failure("metric", "in_range")], upstream, sources, [late])
    assert (root.id, root.kind, root.symptoms) == ("source/wms", "source", ("fct", "metric"))
    both = root_causes([old, wrong], upstream, sources, [late])
    assert [(root.id, root.symptoms) for root in both] == [("fct", ()), ("source/wms", ("fct",))]
    assert [failure.check for failure in both[0].failures] == ["in_range"]
    (alone,) = root_causes([old, wrong], upstream, sources)
    assert [failure.check for failure in alone.failures] == ["in_range", "recent"]
    assert root_causes([], upstream, sources, [late]) == ()
