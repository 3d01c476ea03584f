"""Published figures against the truth file: exact, with every planted fault ended as it says and nothing else said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ops_assets.audit import AuditReport
from ops_assets.landing import LandingReport
from ops_assets.publishing.snapshot_writer import PublishReport
from ops_assets.refresh import BuildState, state_path
from ops_assets.watching import find_breaches
from tests.platform_world import PlatformWorld, PublishedHome

ELSEWHERE = {"late_file", "orphan_row", "unmatched_code"}


def _check_figures(world: PlatformWorld) -> None:
    for name, entry in world.truth["metrics"].items():
        row, publish = world.metric(name), entry["publish"]
        assert (row["numerator"], row["denominator"], row["value_text"]) == (
            publish["numerator"],
            publish["denominator"],
            publish["value"],
        ), name
        assert (row["state"], row["reason"]) == ("published", ""), name
        months = {
            f"{period['period_start']:%Y-%m}": period
            for period in world.snapshot.rows("select * from metric_period where metric = ?", [name])
            if period["value_text"] is not None
        }
        assert set(months) == set(entry["monthly"]), name
        for month, figure in entry["monthly"].items():
            shown = months[month]
            found = (*(_plain(shown[part]) for part in ("numerator", "denominator")), shown["value_text"])
            assert found == (figure["numerator"], figure["denominator"], figure["value"]), (name, month)
        for dimension, figures in entry.get("subjects", {}).items():
            subjects = world.snapshot.rows(
                "select * from metric_subject where metric = ? and dimension = ?", [name, dimension]
            )
            assert {s["subject_id"]: (_plain(s["numerator"]), _plain(s["denominator"])) for s in subjects} == {
                subject: (figure["numerator"], figure["denominator"]) for subject, figure in figures.items()
            }, name


def _plain(number: str) -> str:
    """An exact decimal without the zeros behind the point that a roll-up keeps."""
    return number.rstrip("0").rstrip(".") if "." in number else number


def _check_breaches(world: PlatformWorld) -> None:
    catalog = world.definitions.catalog
    found = find_breaches(catalog.watches(world.platform.pack.watch_thresholds), world.snapshot)
    assert {(breach.rule_id, breach.subject_id) for breach in found} == {
        (breach["rule"], breach["subject"]) for breach in world.truth["breaches"]
    }


def _check_faults(world: PlatformWorld, landed: LandingReport) -> None:
    faults: list[dict[str, Any]] = [fault for fault in world.truth["faults"] if fault["rule"]]
    found = landed.ingestion
    assert {(file.reason, file.path) for file in found.set_aside} == {
        (fault["rule"], fault["file"]) for fault in faults if fault["outcome"] == "set_aside"
    }
    assert {file.path for file in found.late} == {fault["file"] for fault in faults if fault["rule"] == "late_file"}
    assert found.unclaimed == ()
    assert landed.imbalances == ()
    assert world.quarantined() == sorted(
        (fault["rule"], fault["file"], fault["line"], "repaired" if fault["outcome"] == "repaired" else "open")
        for fault in faults
        if fault["outcome"] != "set_aside" and fault["rule"] not in ELSEWHERE
    )
    unmatched_rows = world.rows("select system, table_name, key_text from conformed.unmatched_rows")
    assert sorted(unmatched_rows) == sorted(
        (fault["system"], fault["table"], ", ".join(f"{name}={value}" for name, value in fault["key"].items()))
        for fault in faults
        if fault["rule"] == "orphan_row"
    )
    codes = [(fault["system"], fault["code"]) for fault in faults if fault["rule"] == "unmatched_code"]
    unmatched_codes = world.rows("select system, code, rows from conformed.unmatched_codes")
    assert sorted(unmatched_codes) == sorted((*code, codes.count(code)) for code in set(codes))
    for table in ("unmatched_rows", "unmatched_codes"):
        assert sorted(map(str, world.snapshot.rows(f"select * from {table}"))) == sorted(
            map(str, _dicts(world, f"select * from conformed.{table}"))
        ), "readers see the list that the models made"


def _dicts(world: PlatformWorld, sql: str) -> list[dict[str, Any]]:
    with world.platform.warehouse.connection() as connection:
        cursor = connection.execute(sql)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _check_quiet(report: AuditReport, published: PublishReport | None) -> None:
    """The audit has nothing to say."""
    assert [verdict.sentence for verdict in report.verdicts if verdict.level != "passed"] == []
    assert (report.failed, report.held) == (frozenset(), {})
    assert published is not None
    assert set(published.states.values()) == {"published", "unavailable"}
    assert [name for name, state in published.states.items() if state == "unavailable"] == ["metric_sales_gross_margin"]


def test_a_faulty_history_publishes_the_truth_and_reports_its_faults_only(published: PublishedHome) -> None:
    world = PlatformWorld(published.home)
    _check_faulty(world, published.landed, published.audited, published.published)
    world.close()


@pytest.mark.parametrize(("seed", "days"), [(19, 110), (42, 120)])
def test_so_do_histories_of_other_seeds(
    copy_world: Callable[..., PlatformWorld], empty_home: Path, seed: int, days: int
) -> None:
    world = copy_world(empty_home)
    world.generate(seed, days=days)
    _check_faulty(world, *world.refresh())


def _check_faulty(
    world: PlatformWorld, landed: LandingReport, report: AuditReport, published: PublishReport | None
) -> None:
    kinds = {fault["kind"] for fault in world.truth["faults"]}
    assert len(kinds) >= 10, kinds
    _check_figures(world)
    _check_breaches(world)
    _check_faults(world, landed)
    _check_quiet(report, published)


def test_a_clean_history_publishes_the_truth_and_reports_nothing(
    copy_world: Callable[..., PlatformWorld], empty_home: Path
) -> None:
    world = copy_world(empty_home)
    world.generate(7, faults="none")
    landed, report, published = world.refresh()
    assert world.truth["faults"] == []
    _check_figures(world)
    _check_breaches(world)
    _check_faults(world, landed)
    _check_quiet(report, published)
    assert (
        landed.ingestion.rows_loaded
        == landed.ingestion.rows_in
        == sum(table["rows_in"] for table in world.truth["tables"].values())
    )


def test_a_full_build_with_all_dbt_tests_changes_no_figure(
    copy_world: Callable[..., PlatformWorld], published: PublishedHome
) -> None:
    world = copy_world(published.home)
    figures = world.figures()
    state = BuildState.load(state_path(world.platform))
    state.fingerprint, state.code = "definitions of another day", {}
    state.save(state_path(world.platform))
    built = world.build()
    assert (built.kind, built.state.broken) == ("full", {})
    assert {result.unique_id.split(".")[0] for result in built.results} == {"model", "test", "unit_test"}
    report, made = world.publish()
    assert made is None, "the same definitions and rows make the same snapshot"
    assert report.held == {}
    # Made anew from the rebuilt tables, next day: the parts are those of the same rows.
    world.clock.advance(date(2026, 11, 22) - date(2026, 11, 21))
    assert world.publish()[1] is not None
    months = {key: value for key, value in _months(figures).items() if key[1] < date(2026, 11, 1)}
    assert {key: value for key, value in _months(world.figures()).items() if key[1] < date(2026, 11, 1)} == months


def test_the_two_disputes_stand_in_the_conformed_models(
    copy_world: Callable[..., PlatformWorld], published: PublishedHome
) -> None:
    world = copy_world(published.home)
    order, item = world.truth["disputes"]["order"], world.truth["disputes"]["item"]
    for department, model, profit in (
        ("finance", "fct_margin_posting", "revenue_amount - material_cost_amount - freight_amount - rebate_amount"),
        ("sales", "fct_booked_order", "revenue_amount - cost_amount"),
    ):
        ((shown,),) = world.rows(
            f"select round(100 * sum({profit}) / sum(revenue_amount), 1) from conformed.{model} "
            f"where order_no = '{order['order_no']}'"
        )
        assert f"{shown:.1f}" == order[department]["margin_percent"], department
    where = f"where item_id = '{item['item_no']}' and event_date = date '{item['on']}'"
    figures = world.rows(
        f"select claimant, sum(quantity) from conformed.fct_stock_claim {where} group by claimant "
        f"union all select 'wms', sum(on_hand_quantity) from conformed.fct_inventory_balance {where}"
    )
    assert {claimant: int(quantity) for claimant, quantity in figures} == {
        name: item[name] for name in ("wms", "erp", "finance")
    }


def _months(figures: dict[str, list[dict[str, Any]]]) -> dict[tuple[str, date], tuple[Any, ...]]:
    return {
        (row["metric"], row["period_start"]): (row["numerator"], row["denominator"], row["value_text"])
        for row in figures["metric_period"]
    }
