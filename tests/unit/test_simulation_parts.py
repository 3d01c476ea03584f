"""The simulation's parts: named chance, the agenda, people's time, choices, claims, and the file of assumptions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from statistics import fmean, median

import pytest

from tests.engine_world import MONDAY, calendar, people, shipped
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.template import HumanStep
from workflow_jobs.simulation.agenda import Agenda
from workflow_jobs.simulation.assumptions import AssumptionError, assumptions
from workflow_jobs.simulation.choices import choose, fill
from workflow_jobs.simulation.claims import Difference, differences, score, seen_at_meeting, seen_by_platform
from workflow_jobs.simulation.draws import Draws
from workflow_jobs.simulation.happenings import happenings
from workflow_jobs.simulation.office import Office
from workflow_jobs.template_library import load_library


def office(**changes: float) -> Office:
    return Office(people(), calendar(), Draws(1), assumptions().changed(changes))


def test_chance_is_named_so_the_order_of_asking_does_not_matter() -> None:
    draws = Draws(5)
    names = [("effort", n) for n in range(2000)]
    forwards = [draws.uniform(*name) for name in names]
    assert [draws.uniform(*name) for name in reversed(names)] == forwards[::-1]
    assert len(set(forwards)) == len(names)
    assert Draws(6).uniform(*names[0]) != forwards[0]
    assert fmean(forwards) == pytest.approx(0.5, abs=0.02)
    assert median(draws.lognormal(3.0, 0.5, *n) for n in names) == pytest.approx(3.0, rel=0.05)
    assert fmean(draws.exponential(40.0, *n) for n in names) == pytest.approx(40.0, rel=0.06)
    assert fmean(draws.chance(0.2, *n) for n in names) == pytest.approx(0.2, abs=0.03)
    picked = [draws.weighted({"a": 3.0, "b": 0.0, "c": 1.0}, *n) for n in names]
    assert picked.count("b") == 0
    assert picked.count("a") / len(names) == pytest.approx(0.75, abs=0.03)


def test_the_agenda_runs_in_order_of_time_and_never_back() -> None:
    agenda = Agenda(MONDAY)
    seen: list[tuple[str, datetime]] = []

    def note(name: str) -> None:
        seen.append((name, agenda.now()))
        if name == "first":
            agenda.at(MONDAY - timedelta(days=1), lambda: note("too late"))

    for hours, name in ((3, "third"), (1, "first"), (1, "second")):
        agenda.at(MONDAY + timedelta(hours=hours), lambda name=name: note(name))  # type: ignore[misc]
    assert agenda.run() == 4
    hour = MONDAY + timedelta(hours=1)
    assert seen == [("first", hour), ("second", hour), ("too late", hour), ("third", MONDAY + timedelta(hours=3))]


def test_a_person_works_and_looks_only_when_he_is_there() -> None:
    away = people({"b1": ((date(2026, 11, 17), date(2026, 11, 18)),)})
    world = Office(away, calendar(), Draws(1), assumptions())
    five = timedelta(hours=5)
    assert world.finish("b2", MONDAY, five) == datetime(2026, 11, 16, 8, 0, tzinfo=UTC), "16:00 after a lunch of 90 min"
    ten = world.finish("b1", MONDAY, timedelta(hours=10))
    assert ten == datetime(2026, 11, 19, 4, 0, tzinfo=UTC) or ten.day == 19
    look = world.next_look("b1", datetime(2026, 11, 17, 1, 0, tzinfo=UTC))
    assert look >= datetime(2026, 11, 19, 1, 0, tzinfo=UTC)
    assert world.present(("b1", "b2"), datetime(2026, 11, 17, 3, 0, tzinfo=UTC)) == ("b2",)
    looks = world.looks_on("b2", date(2026, 11, 16))
    assert list(looks) == sorted(looks)
    assert world.looks_on("b2", date(2026, 11, 15)) == (), "a Sunday"


def test_people_choose_by_weight_and_send_nothing_back_for_ever() -> None:
    assumed, draws = assumptions(), Draws(1)
    step = layout_of(shipped("supply_exception")).places["judge"].node
    assert isinstance(step, HumanStep)
    chosen = [choose(assumed, draws, "supply_exception", "judge", step.outcomes, 1, n) for n in range(800)]
    assert chosen.count("reject") / 800 == pytest.approx(0.15, abs=0.05)
    form = fill(assumed, draws, step.form, "confirm", date(2026, 11, 16), "k")
    assert set(form) == {"impact_amount", "exception_cause"}
    assert set(fill(assumed, draws, step.form, "reject", date(2026, 11, 16), "k")) == {"judgement"}


def test_every_number_has_a_unit_and_a_source_and_every_step_named_exists() -> None:
    assumed = assumptions()
    assert len(assumed.numbers()) > 30
    assert all(one.unit and one.source for one in assumed.numbers().values())
    library = load_library()
    steps = {template.id: layout_of(template).places for template in library}
    for group in (assumed.approvals, assumed.approved_by, assumed.released_by, assumed.decisions):
        for template, named in group.items():
            assert set(named) <= set(steps[template]), template
    for template, by_step in assumed.decisions.items():
        for step, weights in by_step.items():
            node = steps[template][step].node
            assert isinstance(node, HumanStep)
            assert set(weights) <= {one.id for one in node.outcomes}, (template, step)


def test_a_changed_assumption_says_that_it_was_changed() -> None:
    changed = assumptions().changed({"chat.patience": 2.5})
    assert changed.numbers()["chat.patience"].value == 2.5
    assert changed.numbers()["chat.patience"].source == "set for this run"
    assert changed.numbers()["chat.forgets_to_hand_on"] == assumptions().numbers()["chat.forgets_to_hand_on"]
    for wrong in ({"chat.none": 1.0}, {"claims.x": 1.0}, {"chat.patience": -1.0}, {"chat.patience": float("nan")}):
        with pytest.raises(AssumptionError, match=next(iter(wrong))):
            assumptions().changed(wrong)


def test_the_score_is_that_of_the_reconciliation() -> None:
    assumed = assumptions()
    one = Difference("k", "on_time_in_full", "logistics", MONDAY, rows=0.2, gap=0.25)
    assert score(assumed, [], {}, MONDAY) == 100
    # g = 250/1250 = 0.2 of the larger figure, r = 0.2 of the rows: 20 points of one metric in four.
    assert score(assumed, [one], {}, MONDAY) == pytest.approx(100 - 20 / len(assumed.claims))
    assert score(assumed, [one], {}, MONDAY - timedelta(seconds=1)) == 100
    later = MONDAY + timedelta(days=3)
    assert score(assumed, [one], {"k": MONDAY + timedelta(days=2)}, later) == 100
    assert score(assumed, [one], {"k": MONDAY + timedelta(days=4)}, later) < 100


def test_the_platform_sees_every_difference_and_a_meeting_only_the_large_ones() -> None:
    world = office()
    found = differences(world.assumed, world.draws, MONDAY, 12)
    assert found == differences(world.assumed, world.draws, MONDAY, 12)
    assert found[0].at == MONDAY
    for one in found:
        assert one.at < seen_by_platform(world, one) <= one.at + timedelta(days=12)
        meeting = seen_at_meeting(world, one, MONDAY, 12)
        if abs(one.gap) < world.assumed.consistency.noticed_from.value:
            assert meeting is None
        elif meeting is not None:
            assert meeting > one.at
    assert any(seen_at_meeting(world, one, MONDAY, 12) is None for one in found)
    none = office(**{"consistency.disagree_at_start": 0, "consistency.drift_a_week": 0})
    assert differences(none.assumed, none.draws, MONDAY, 12) == ()


def test_what_happens_is_the_sample_companys_and_the_same_for_a_seed() -> None:
    known = {"supply_exception", "order_change", "new_product_introduction"}
    assumed = assumptions()
    found = happenings(assumed, Draws(2), calendar(), 6, known)
    assert found == happenings(assumed, Draws(2), calendar(), 6, known)
    assert {one.template for one in found.cases} == known
    assert found.left_out.keys() == {"after_sales"}
    assert all(found.begins <= one.at for one in found.cases)
    assert len({one.key for one in found.cases}) == len(found.cases)
    for one in found.cases:
        assert set(one.orders) <= set(found.orders)
        if one.requested_by is not None:
            assert one.requested_by in found.directory.people
    changed = [one for one in found.cases if one.template == "order_change"]
    assert len(changed) / len(found.orders) == pytest.approx(0.10, abs=0.04), "a tenth of the sample company's orders"
    for order in found.orders.values():
        assert order.ordered_at < order.delivered_at < order.paid_at
