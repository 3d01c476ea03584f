"""The picture on a card is of the months of the case's own subject, where a channel may see them, and says so."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache

import duckdb
import pytest

from ops_assets.catalog import load_catalog
from ops_assets.definition_bundle import DefinitionBundle, store_bundle
from ops_assets.dictionary.security import ModelSecurity
from resources.clock import FixedClock
from resources.platform import MODELS_DIR
from tests.engine_world import MONDAY
from tests.gateway_stack import METRIC, Stack, running_stack
from workflow_jobs.delivery import pictures

# Rejects by month of 100 pieces each, from August on; the third supplier came in September.
REJECTS = {"V-0007": (1, 2, 4), "V-0008": (9, None, 3), "V-0009": (None, 5, 6), "V-0010": (8, 7, 6)}
MONTHS = (8, 9, 10)


@cache
def definitions() -> DefinitionBundle:
    return DefinitionBundle(metrics={METRIC: load_catalog(MODELS_DIR / "metrics").metrics[METRIC]})


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("subjects") / "home", FixedClock(MONDAY)) as running:
        yield running


def publish(stack: Stack, sequence: int, *, aggregation: str = "ratio", **classes: str) -> None:
    """The same snapshot with the rows behind the metric, and with what its definition and classes say. Its suppliers
    are its own, so that each test opens cases of its own.
    """
    store = stack.context.snapshots
    current = store.current()
    assert current is not None
    metric = definitions().metrics[METRIC].model_copy(update={"aggregation": aggregation})
    security = ModelSecurity.model_validate({"columns": classes})
    bundle = replace(definitions(), metrics={METRIC: metric}, security={METRIC: security})
    store_bundle(store, bundle)
    info = replace(current.info, id=f"20261116-{sequence:06d}", sequence=sequence, definitions=bundle.digest)
    built = store.root / "with-rows.building"
    shutil.copy(current.path, built)
    with duckdb.connect(str(built)) as db:
        db.execute("insert into metric_part values (?, '2026-10-01', 'none.parquet', 1)", [METRIC])
        db.execute(
            f"create or replace table {METRIC} (event_date date, supplier_id varchar, supplier_label varchar, "
            "numerator decimal(28,6), denominator decimal(28,6))"
        )
        for supplier, rejects in REJECTS.items():
            for month, count in zip(MONTHS, rejects, strict=True):
                if count is not None:
                    # Of the first supplier there are no rows on the last day of a month.
                    day = date(2026, month, 3 if supplier == "V-0007" else 20)
                    row = [day, f"{supplier}.{sequence}", count]
                    db.execute(f"insert into {METRIC} values (?, ?, '', ?, 100)", row)
    store.commit(info, built)
    store.switch(info.id)


def caption(stack: Stack, subject: str, label: str) -> str:
    case_id = stack.open_case(subject, label)
    newest = next(one for one in stack.cards("E003") if case_id in str(one))
    (image,) = (block for block in newest["blocks"] if block["type"] == "image")
    return str(image["alt_text"])


def test_a_card_shows_the_months_of_its_subject_and_of_all_where_too_few_are_known(stack: Stack) -> None:
    publish(stack, 2)
    alone = "The last months of Supplier reject rate, 2026-08 – 2026-10: 1.0000 % → 4.0000 %"
    assert caption(stack, "V-0007.2", "Huaxin") == f"{alone} (Huaxin alone; dashed: the limit 8.0000 %)"
    assert "8.0000 % → 6.0000 % (Other alone" in caption(stack, "V-0010.2", "Other")
    together = "2026-08 – 2026-10: 2.5000 % → 2.5000 % (all subjects together"
    for subject in ("V-0008.2", "V-0009.2", "V-0404"):
        assert together in caption(stack, subject, "Seldom"), subject


@pytest.mark.parametrize(("sequence", "hidden"), [(3, "personal"), (4, "confidential")])
def test_months_that_a_channel_may_not_see_are_not_drawn(stack: Stack, sequence: int, hidden: str) -> None:
    publish(stack, sequence, supplier_id=hidden)
    assert "all subjects together" in caption(stack, f"V-0007.{sequence}", "Huaxin")


def test_a_stock_is_that_of_the_last_day_on_which_there_are_rows_of_any_subject(stack: Stack) -> None:
    publish(stack, 5, aggregation="latest_sum")
    assert "all subjects together" in caption(stack, "V-0007.5", "Sold out at the end of each month")
    assert "(In stock alone" in caption(stack, "V-0010.5", "In stock")


def test_no_card_waits_for_months_that_take_too_long(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pictures, "SECONDS", 0.0)
    publish(stack, 6)
    assert "all subjects together" in caption(stack, "V-0007.6", "Huaxin")
    assert "all subjects together" in caption(stack, "V-0010.6", "Other")
    assert caplog.text.count("all together are drawn") == 1, "the other subjects do not wait once more"
