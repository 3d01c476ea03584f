"""The adventureworks pack on the real files: ingestion and dbt in this process, figures read from the metric tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ops_assets.audit import AuditReport, audit
from ops_assets.ingestion.report import IngestReport
from ops_assets.reconciliation.answer import rounded_text
from ops_assets.reconciliation.explain import explain, rows_behind, stored
from ops_assets.refresh import Definitions, audit_and_publish, load_definitions
from resources.serving import Snapshot
from tests import adventureworks_figures as plain
from tests.adventureworks_platform import PackPlatform
from tests.semantic_checks import compared_metrics, metric_queries
from workflow_jobs.detection import read_snapshot
from workflow_jobs.wiring import process_service

# What the pack does not read; everything else in the folder is claimed by a landing schema.
NOT_READ = {
    "humanresources.shift.csv",
    "production.billofmaterials.csv",
    "production.productcategory.csv",
    "production.productlistpricehistory.csv",
    "production.scrapreason.csv",
    "production.unitmeasure.csv",
    "purchasing.productvendor.csv",
    "purchasing.shipmethod.csv",
    "sales.customer.csv",
    "sales.salesterritory.csv",
    "sales.store.csv",
}


@dataclass(frozen=True)
class Loaded:
    """The pack, loaded and built once for this module, with what each step said."""

    pack: PackPlatform
    folder: Path
    report: IngestReport
    again: IngestReport
    definitions: Definitions
    audited: AuditReport

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.pack.rows(sql)

    def row(self, sql: str) -> tuple[Any, ...]:
        return self.pack.row(sql)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    folder = plain.data_folder()
    pack = PackPlatform(tmp_path_factory.mktemp("adventureworks"), folder)
    report, again = pack.ingest(), pack.ingest()
    pack.build(tests=True)
    definitions = load_definitions(pack.platform)
    with pack.platform.warehouse.connection() as connection:
        audited = audit(connection, definitions.catalog, definitions.project, as_of=pack.platform.as_of(), broken={})
    yield Loaded(pack, folder, report, again, definitions, audited)
    pack.close()


def test_every_row_is_loaded_and_every_other_file_is_named(loaded: Loaded) -> None:
    report = loaded.report
    assert report.set_aside == ()
    assert report.rows_quarantined == 0
    assert report.rows_in == report.rows_loaded
    assert {Path(path).name for path in report.unclaimed} == NOT_READ
    counts = {batch.table: batch.rows_loaded for batch in report.batches}
    files = {path.name for path in loaded.folder.glob("*.csv")} - NOT_READ
    assert sum(counts.values()) == sum(len(plain.read(loaded.folder, name.removesuffix(".csv"))) for name in files)
    assert len(counts) == len(files)


def test_loading_the_same_files_again_changes_nothing(loaded: Loaded) -> None:
    assert loaded.again.batches == ()


def test_the_audit_holds_nothing_back(loaded: Loaded) -> None:
    """Old files are not stale by themselves: their age counts from the pack's as-of date."""
    assert dict(loaded.audited.reasons) == {}
    assert dict(loaded.audited.held) == {}


def test_metrics_that_the_data_cannot_feed_say_what_they_need(loaded: Loaded) -> None:
    catalog, entities = loaded.definitions.catalog, loaded.pack.platform.pack.entities
    built = {
        name
        for (name,) in loaded.rows("select table_name from information_schema.tables where table_schema = 'metrics'")
    }
    for name in catalog.metrics:
        assert (name in built) == (catalog.missing(name, entities) == ()), name
    assert catalog.missing("metric_supplier_on_time_rate", entities) == ("receipt_day",)
    assert "metric_order_gross_margin" not in built


def test_supplier_reject_rate_over_all_purchase_orders(loaded: Loaded) -> None:
    expected = plain.purchases(loaded.folder)
    numerator, denominator, lines, with_rejects = loaded.row(
        "select sum(numerator), sum(denominator), count(*), sum(case when numerator > 0 then 1 else 0 end) "
        "from metrics.metric_supplier_reject_rate"
    )
    assert (numerator, denominator) == (expected.rejected, expected.received)
    assert (lines, with_rejects) == (8845, 563)
    assert (numerator / denominator * 100).quantize(Decimal("0.0001")) == Decimal("3.1238")
    assert loaded.pack.platform.pack.window_days("metric_supplier_reject_rate", 90) is None


def test_reject_rate_of_each_vendor(loaded: Loaded) -> None:
    expected = plain.purchases(loaded.folder).by_vendor
    found = {
        vendor: (numerator, denominator)
        for vendor, numerator, denominator in loaded.rows(
            "select supplier_id, sum(numerator), sum(denominator) from metrics.metric_supplier_reject_rate group by 1"
        )
    }
    assert found == expected


def test_short_received_lines(loaded: Loaded) -> None:
    expected = plain.purchases(loaded.folder)
    short, lines = loaded.row(
        "select sum(numerator), sum(denominator) from metrics.metric_purchasing_short_received_lines"
    )
    assert (short, lines) == (expected.short_received_lines, expected.lines) == (380, 8845)


def test_products_without_stock_rows(loaded: Loaded) -> None:
    expected = plain.stock(loaded.folder)
    missing = {
        item for (item,) in loaded.rows("select item_id from metrics.metric_products_without_stock where numerator = 1")
    }
    assert missing == expected.without_stock_rows
    assert len(missing) == 72


def test_products_below_safety_stock(loaded: Loaded) -> None:
    expected = plain.stock(loaded.folder)
    below = {
        item
        for (item,) in loaded.rows("select item_id from metrics.metric_products_below_safety_stock where numerator = 1")
    }
    assert below == expected.below_safety_stock
    assert len(below) == 69


def test_inventory_on_hand(loaded: Loaded) -> None:
    assert loaded.row("select sum(numerator) from metrics.metric_inventory_on_hand") == (
        plain.stock(loaded.folder).on_hand,
    )


def test_sales_gross_margin_at_the_cost_valid_on_the_day(loaded: Loaded) -> None:
    expected = plain.sales(loaded.folder)
    margin, costed, lines, uncosted, revenue, uncosted_revenue = loaded.row(
        "select sum(numerator), sum(denominator), count(*), sum(line_without_valid_cost), sum(revenue), "
        "sum(revenue_without_valid_cost) from metrics.metric_sales_gross_margin"
    )
    assert (margin, costed) == (expected.margin, expected.costed_revenue)
    assert (lines, uncosted) == (44243, 33)
    assert (revenue, uncosted_revenue) == (Decimal("32991853.61"), Decimal("18591.77"))
    assert (margin / costed * 100).quantize(Decimal("0.00001")) == Decimal("23.31351")
    assert loaded.row("select min(event_date), max(event_date) from metrics.metric_sales_gross_margin") == (
        expected.first_day,
        expected.last_day,
    )


def test_the_lines_without_a_valid_cost_are_a_detail_of_the_margin(loaded: Loaded) -> None:
    details = loaded.definitions.catalog.metric("sales_gross_margin").details
    shown = {d.name: loaded.row(f"select {d.sql} from metrics.metric_sales_gross_margin")[0] for d in details}
    assert shown == {
        "lines": 44243,
        "lines_without_valid_cost": 33,
        "revenue": Decimal("32991853.61"),
        "revenue_without_valid_cost": Decimal("18591.77"),
    }


def test_nothing_is_dated_beyond_the_as_of_date(loaded: Loaded) -> None:
    as_of = loaded.pack.platform.as_of()
    assert as_of == plain.purchases(loaded.folder).last_due == date(2025, 10, 21)
    metrics = [
        name
        for (name,) in loaded.rows("select table_name from information_schema.tables where table_schema = 'metrics'")
    ]
    newest = {name: loaded.row(f"select max(event_date) from metrics.{name}")[0] for name in metrics}
    assert max(day for day in newest.values() if day is not None) == as_of


def test_punctuality_is_not_read_from_a_stand_in_date(loaded: Loaded) -> None:
    """The export has no day of receipt; a rate of deliveries in time would be an artefact of the due date."""
    assert "receipt_day" not in loaded.pack.platform.pack.entities
    assert (
        loaded.rows("select 1 from information_schema.tables where table_name = 'metric_supplier_on_time_rate'") == []
    )


def test_people_show_title_and_login_and_answer_to_the_leader_of_their_department(loaded: Loaded) -> None:
    people = {
        row[0]: row[1:]
        for row in loaded.rows(
            "select person_id, name, login, email, manager_id, department_id from conformed.dim_person"
        )
    }
    assert len(people) == 290
    assert people["1"][:2] == ("Chief Executive Officer (ken0)", "ken0")
    assert all(email is None for _, _, email, _, _ in people.values())
    assert [person for person, (_, _, _, manager, _) in people.items() if manager is None] == ["1"]
    levels = {
        row["BusinessEntityID"]: (int(row["OrganizationLevel"] or 0), int(row["BusinessEntityID"]))
        for row in plain.read(loaded.folder, "humanresources.employee")
    }
    for person, (_, _, _, manager, department) in people.items():
        leader = min((p for p in people if people[p][4] == department), key=levels.__getitem__)
        assert manager == (None if person == "1" else "1" if person == leader else leader)


ROLES_OF_TEMPLATES = {
    "buyer", "ceo", "cfo", "data_owner", "data_steward", "finance_analyst", "finance_manager", "it_manager",
    "logistics_manager", "plant_manager", "production_manager", "production_planner", "purchasing_manager",
    "quality_engineer", "quality_manager", "sales_director", "sales_manager", "sales_rep", "warehouse_manager",
}  # fmt: skip


def test_every_role_resolves_to_somebody(loaded: Loaded) -> None:
    holders = dict(loaded.rows("select role, count(*) from conformed.person_role group by 1"))
    assert set(holders) >= ROLES_OF_TEMPLATES
    assert (
        loaded.rows(
            "select role from conformed.person_role where person_id not in (select person_id from conformed.dim_person)"
        )
        == []
    )


def test_no_personal_record_beyond_work_is_loaded(loaded: Loaded) -> None:
    columns = {
        name
        for (name,) in loaded.rows(
            "select column_name from information_schema.columns where table_name = 'humanresources__employee'"
        )
    }
    assert {"employee_id", "login_id", "organization_level", "job_title", "hire_date", "is_current"} == {
        name for name in columns if not name.startswith("_")
    }


def test_published_figures_are_shown_with_their_details(loaded: Loaded) -> None:
    snapshot = _publish(loaded)
    shown = {row["metric"]: row["value_text"] for row in snapshot.rows("select metric, value_text from metrics")}
    assert shown["metric_supplier_reject_rate"] == "3.1238"
    assert shown["metric_purchasing_short_received_lines"] == "380"
    assert shown["metric_products_without_stock"] == "72"
    assert shown["metric_products_below_safety_stock"] == "69"
    details = {
        (row["metric"], row["name"]): row["value"]
        for row in snapshot.rows("select metric, name, value from metric_detail")
    }
    assert details[("metric_supplier_reject_rate", "lines_with_rejects")] == "563"
    assert details[("metric_supplier_reject_rate", "lines")] == "8845"
    assert details[("metric_sales_gross_margin", "lines_without_valid_cost")] == "33"


def test_the_gap_between_two_margins_is_33_lines_that_one_side_counts_as_free(loaded: Loaded) -> None:
    """23.310 % at the present standard cost, 23.357 % where lines without a valid cost are free."""
    snapshot, expected = _publish(loaded), plain.sales(loaded.folder)
    metric = loaded.definitions.catalog.metric("sales_gross_margin")
    found = explain(snapshot, metric, "production", against="sales")
    assert found.theirs.value == Fraction(expected.revenue - expected.current_cost) / Fraction(expected.revenue)
    assert found.ours.value == Fraction(expected.margin + expected.revenue_without_valid_cost) / Fraction(
        expected.revenue
    )
    assert rounded_text(found.theirs.value, percent=True, decimals=3) == "23.310"
    assert rounded_text(found.ours.value, percent=True, decimals=3) == "23.357"
    (part,) = found.parts
    assert (part.cause, part.input, part.rows) == ("input_missing", "standard_cost", 33)
    assert (part.numerator, part.denominator) == (-Fraction("15480.2561"), Fraction(0))
    assert part.numerator == -Fraction(expected.current_cost_without_valid_cost)
    assert part.amount == found.gap
    assert found.balanced
    assert len(rows_behind(snapshot, metric, "production", part.id, against="sales")) == 33


def test_our_margin_leaves_those_lines_out_and_each_claim_is_explained_by_them(loaded: Loaded) -> None:
    snapshot, expected = _publish(loaded), plain.sales(loaded.folder)
    metric = loaded.definitions.catalog.metric("sales_gross_margin")
    moved = {
        claim: {
            part.id: (part.numerator, part.denominator, part.rows) for part in stored(snapshot, metric, claim).parts
        }
        for claim in ("production", "sales")
    }
    uncosted = Fraction(expected.revenue_without_valid_cost)
    left_out = {"rule_differs.both.revenue_without_valid_cost": (uncosted, uncosted, 33)}
    cost = -Fraction(expected.current_cost_without_valid_cost)
    assert moved == {"sales": left_out, "production": {**left_out, "input_missing.ours.standard_cost": (cost, 0, 33)}}


def test_each_breaching_vendor_gets_one_case_and_one_is_decided_to_its_end(loaded: Loaded) -> None:
    snapshot = _publish(loaded)
    rate = {
        row["subject_id"]: Decimal(row["numerator"]) / Decimal(row["denominator"])
        for row in snapshot.rows("select * from metric_subject where metric = 'metric_supplier_reject_rate'")
        if row["dimension"] == "supplier" and Decimal(row["denominator"]) >= 100
    }
    breaching = {vendor for vendor, value in rate.items() if value > Decimal("0.05")}
    assert len(breaching) == 11
    service = process_service(loaded.pack.platform)
    watches = loaded.definitions.catalog.watches(loaded.pack.platform.pack.watch_thresholds)
    for _ in range(2):
        read_snapshot(service, snapshot, watches)
    cases = service.cases(template="supply_exception")
    assert {case.subject_id for case in cases} == breaching
    assert len(cases) == len(breaching)
    case_id = cases[0].case_id
    for step, outcome, form in (
        ("judge", "confirm", {"impact_amount": "60000", "exception_cause": "supplier_quality"}),
        ("supplier", "agreed", {"delivery_date": "2026-12-01", "supplier_measure": "Sorting at the supplier."}),
        ("protect", "covered", {}),
        ("assess", "approve", {"measure_cost": "900", "cost_bearer": "supplier"}),
        ("promise", "kept", {}),
    ):
        for due in service.due_service_steps():
            if due.case_id == case_id:
                service.complete_service(
                    case_id, due.step_id, "run", {"summary": "none"}, idempotency_key=due.idempotency_key
                )
        (task,) = [t for t in service.tasks(case_id=case_id) if t.step_id == step]
        assert task.assignee is not None, f"{step} ({task.role}) found nobody in this company"
        service.decide_task(task.task_id, task.version, task.assignee, outcome, form, "test")
    assert service.case(case_id).outcome == "completed"


def test_metric_queries_give_the_figures_of_the_metric_models(loaded: Loaded) -> None:
    snapshot = _publish(loaded)
    queries = metric_queries(loaded.pack.platform.snapshots, loaded.pack.clock.now())
    differences = compared_metrics(queries, snapshot)
    assert "metric_sales_gross_margin" in differences
    assert {name: found for name, found in differences.items() if found} == {}


def _publish(loaded: Loaded) -> Snapshot:
    audit_and_publish(loaded.pack.platform, loaded.definitions)
    snapshot = loaded.pack.platform.snapshots.current()
    assert snapshot is not None
    return snapshot
