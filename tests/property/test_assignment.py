"""Who is asked: never the excluded, nobody absent while somebody able is there, nobody beyond his capacity in vain."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from workflow_jobs.engine.assignment import (
    MAX_LEVELS,
    Choice,
    Need,
    Staff,
    assign,
    choose,
    choose_named,
    choose_substitute,
    task_weight,
    turn_of,
)

MONDAY = date(2026, 11, 16)
NAMES = "abcdefgh"
who = st.sampled_from(NAMES)
crowd = st.frozensets(who)


def staff(
    away: str | frozenset[str] = "",
    days: Mapping[str, date] | None = None,
    named: Mapping[str, tuple[str, ...]] | None = None,
    boss: Mapping[str, str] | None = None,
    capacity: Mapping[str, float] | None = None,
    skills: Mapping[str, frozenset[str]] | None = None,
    **more: Any,
) -> Staff:
    return Staff(
        work_day=lambda person: (days or {}).get(person, MONDAY),
        away=lambda person: person in away,
        manager_of=(boss or {}).get,
        substitutes_of=lambda person: (named or {}).get(person, ()),
        capacity_of=(capacity or {}).get,
        skills_of=lambda person: (skills or {}).get(person, frozenset()),
        **more,
    )


def asked(choice: Choice | None) -> str | None:
    return choice.person_id if choice is not None else None


def test_least_work_first_then_the_smallest_id() -> None:
    assert choose("cba", staff()) == Choice("a", "least open work (0) of 3 present")
    assert asked(choose("abc", staff(loads={"a": 2.0, "b": 1.0, "c": 1.0}))) == "b"
    assert choose("ab", staff("a", exclude=frozenset("b"))) is None


def test_who_has_room_is_asked_before_who_has_less_work() -> None:
    full = staff(loads={"a": 1.0, "b": 5.0}, capacity={"a": 1.5, "b": 9.0})
    found = choose("ab", full, Need(1.0))
    assert found == Choice("b", "least open work (5) of 1 present and below their capacity (1 at it)")
    assert asked(choose("ab", full, Need(0.5))) == "a", "a light task fits"
    crowded = choose("ab", staff(loads={"a": 1.0, "b": 5.0}, capacity={"a": 1.0, "b": 5.0}))
    assert crowded == Choice("a", "least open work (1) of 2 present, all at their capacity")


def test_who_works_today_by_his_own_calendar_is_asked_before_who_has_a_holiday() -> None:
    golden_week = staff(days={"a": date(2026, 10, 8), "b": date(2026, 10, 1)}, loads={"b": 9.0})
    assert asked(choose("ab", golden_week)) == "b"


def test_a_named_substitute_comes_before_any_manager_and_his_own_in_turn() -> None:
    boss = {"a": "m", "b": "m"}
    named = {"a": ("x", "y"), "x": ("z",)}
    here = assign([("r", "a")], staff("a", named=named, boss=boss, loads={"x": 3.0}))
    assert here == Choice("y", "r: named by a, who is away", "a")
    far = assign([("r", "a")], staff("axy", named=named, boss=boss))
    assert far == Choice("z", "r: 2 substitutes on from a, away", "a")
    assert asked(assign([("r", "a")], staff("axyz", named=named, boss=boss))) == "m"
    assert asked(assign([("r", "ab")], staff("a", named=named, boss=boss))) == "b", "a holder who is there needs none"


def test_whose_task_is_handed_on_because_he_is_away_has_named_who_gets_it() -> None:
    company = staff("a", named={"a": ("x",)})
    assert assign([("r", "ab")], company, instead_of="a") == Choice("x", "named by a, who is away", "a")
    bound = staff("a", named={"a": ("x",)}, may_stand_in=lambda person: person in "ab")
    assert asked(assign([("r", "ab")], bound, instead_of="a")) == "b", "a tier lets nobody else approve"


def test_substitutes_climb_level_by_level_and_never_in_circles() -> None:
    boss = {"a": "m", "b": "n", "m": "top", "n": "top", "top": "m"}
    found = choose_substitute("ab", staff("ab", boss=boss, loads={"m": 3.0}))
    assert found is not None
    assert (found.person_id, found.substitute_for) == ("n", "b")
    assert asked(choose_substitute("ab", staff("abmn", boss=boss))) == "top"
    assert choose_substitute("ab", staff(frozenset({"a", "b", "m", "n", "top"}), boss=boss)) is None
    circle = {"a": ("x",), "x": ("a",)}
    assert choose_named("a", staff("ax", named=circle)) is None


def test_chains_are_bounded() -> None:
    away = frozenset(str(n) for n in range(MAX_LEVELS + 1))
    chain = {str(n): str(n + 1) for n in range(20)}
    line = {person: (following,) for person, following in chain.items()}
    assert choose_substitute(["0"], staff(away, boss=chain)) is None
    assert choose_named(["0"], staff(away, named=line)) is None
    nearer = away - {str(MAX_LEVELS)}
    assert asked(choose_substitute(["0"], staff(nearer, boss=chain))) == str(MAX_LEVELS)
    assert asked(choose_named(["0"], staff(nearer, named=line))) == str(MAX_LEVELS)


def test_skills_are_needed_but_a_task_never_hangs() -> None:
    gauge = Need(skills=frozenset({"gauge"}))
    able = {"b": frozenset({"gauge", "laser"})}
    found = assign([("r", "ab"), ("s", "c")], staff(skills=able, loads={"b": 9.0}), gauge)
    assert found == Choice("b", "r: least open work (9) of 1 present with gauge")
    none = assign([("r", "ab"), ("s", "c")], staff("b", skills=able), gauge)
    assert none == Choice("a", "r: least open work (0) of 1 present; nobody there has gauge")
    nobody = assign([("r", "ab")], staff("ab", skills=able), gauge)
    assert nobody is not None
    assert (nobody.person_id, nobody.present) == ("b", False)


def test_somebody_is_asked_even_when_everybody_is_away_but_never_the_excluded() -> None:
    found = assign([("r", "ab"), ("s", "c")], staff("abc", exclude=frozenset("a")))
    assert found is not None
    assert (found.person_id, found.present) == ("b", False)
    assert assign([("r", "a")], staff(exclude=frozenset("a"))) is None


companies = st.builds(
    staff,
    away=crowd,
    named=st.dictionaries(who, st.lists(who, max_size=2).map(tuple)),
    boss=st.dictionaries(who, who),
    capacity=st.dictionaries(who, st.floats(0.5, 6)),
    skills=st.dictionaries(who, st.frozensets(st.sampled_from(["gauge", "laser"]))),
    loads=st.dictionaries(who, st.floats(0, 8)),
    exclude=crowd,
    days=st.dictionaries(who, st.sampled_from([MONDAY, date(2026, 11, 17)])),
)
needs = st.builds(
    Need, weight=st.sampled_from([0.5, 1.0, 4.0]), skills=st.frozensets(st.sampled_from(["gauge", "laser"]))
)


@given(companies, needs, st.lists(st.tuples(st.sampled_from("rs"), crowd), min_size=1, max_size=3))
@settings(max_examples=300, deadline=None)
def test_the_law_of_every_choice(company: Staff, need: Need, groups: list[tuple[str, frozenset[str]]]) -> None:
    choice = assign(groups, company, need)
    everybody = frozenset().union(*(holders for _, holders in groups)) - company.exclude
    if choice is None:
        assert not everybody, "a task never hangs where somebody may be asked"
        return
    person = choice.person_id
    assert person not in company.exclude
    assert choice.present == (not company.away(person))
    if not choice.present:
        assert all(company.away(one) for one in everybody)
    if choice.substitute_for is not None:
        assert choice.substitute_for in frozenset().union(*(holders for _, holders in groups))
    _, holders = groups[0]
    able = [one for one in holders - company.exclude if not company.away(one) and need.skills <= company.skills_of(one)]
    if able:
        assert person in able, "a present, able holder of the first role goes before all others"
        there = [one for one in able if company.work_day(one) == min(map(company.work_day, able))]
        assert person in there
        room = [one for one in there if _fits(company, one, need)]
        assert person in (room or there)
        assert company.loads.get(person, 0.0) == min(company.loads.get(one, 0.0) for one in room or there)
    shuffled = [(name, tuple(sorted(those, reverse=True))) for name, those in groups]
    assert assign(shuffled, company, need) == choice, "the order in which people are listed does not matter"


def _fits(company: Staff, person: str, need: Need) -> bool:
    limit = company.capacity_of(person)
    return limit is None or company.loads.get(person, 0.0) + need.weight <= limit


def test_urgent_work_weighs_more() -> None:
    assert task_weight("urgent") > task_weight("high") > task_weight("normal") > task_weight("low") > 0


began = st.datetimes(datetime(2026, 1, 1), datetime(2026, 3, 1), timezones=st.just(UTC))
waiting = st.tuples(began, st.sampled_from(["urgent", "high", "normal", "low"]))


@given(st.lists(waiting, min_size=2, max_size=8))
@settings(max_examples=200, deadline=None)
def test_urgent_goes_first_and_nothing_starves(tasks: list[tuple[datetime, str]]) -> None:
    order = sorted(tasks, key=lambda one: turn_of(one[0], task_weight(one[1])))
    assert sorted(order) == sorted(tasks)
    for earlier, later in itertools.pairwise(order):
        if earlier[1] == later[1]:
            assert earlier[0] <= later[0], "of equal priority, what waits longer"
        if task_weight(earlier[1]) < task_weight(later[1]):
            assert later[0] > earlier[0], "something less urgent goes first only because it waits longer"
    for one in tasks:
        # Whatever comes more than three and a half days later waits behind it, however urgent.
        behind = [other for other in tasks if other[0] - one[0] > timedelta(days=3.5)]
        assert all(order.index(one) < order.index(other) for other in behind)


@given(companies, needs, crowd)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_work_spreads_until_all_have_the_same(company: Staff, need: Need, holders: frozenset[str]) -> None:
    able = [one for one in holders - company.exclude if not company.away(one)]
    assume(len(able) > 1)
    loads: dict[str, float] = {}
    for _ in range(len(able) * 3):
        chosen = choose(able, staff(loads=loads))
        assert chosen is not None
        loads[chosen.person_id] = loads.get(chosen.person_id, 0.0) + need.weight
    assert set(loads.values()) == {3 * need.weight}
