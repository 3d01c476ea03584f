"""The messy USAID file, in place: every line is loaded or in quarantine, and known figures come out."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from ops_assets.ingestion.landing_schema import read_landing_schema
from ops_assets.ingestion.load import ingest
from resources import ops_database
from tests.packs.ingestion_world import PACKS, SHANGHAI, World

SCMS = Path(os.environ.get("TRUELOOP_TEST_SCMS_DIR", PACKS.parents[2] / "shared" / "data" / "scms"))
pytestmark = pytest.mark.skipif(
    not (SCMS / "scms_delivery_history.csv").exists(),
    reason=f"{SCMS} does not hold scms_delivery_history.csv; set TRUELOOP_TEST_SCMS_DIR to its folder",
)


def test_the_usaid_file_adds_up(tmp_path: Path) -> None:
    engine: sa.Engine = ops_database.open_engine(f"sqlite:///{tmp_path / 'ops.db'}")
    ops_database.migrate(engine)
    world = World(tmp_path, engine, schema=read_landing_schema(PACKS / "scms"))
    report = ingest(
        engine=engine, warehouse=world.warehouse, schema=world.schema, landing_dir=SCMS, clock=world.clock,
        zone=SHANGHAI,
    )  # fmt: skip
    batch = report.batches[0]
    assert (batch.rows_in, batch.rows_loaded, batch.rows_quarantined) == (10_324, 10_321, 3)
    assert {rule for _, _, rule, _ in world.quarantined()} == {"recorded_after_delivered"}
    assert batch.declared_nulls["freight_usd"] == 4_126
    assert batch.declared_nulls["weight_kg"] == 3_952
    assert batch.declared_nulls["ordered_on"] == 5_732
    # The three quarantined rows were on time: their recording date is wrong, not their delivery.
    ((on_time,),) = world.rows("select count(*) filter (delivered_on <= scheduled_on) from raw.scms__deliveries")
    assert round(Decimal(on_time + 3) * 100 / 10_324, 3) == Decimal("88.512")
    assert world.rows("select country from raw.scms__deliveries where id = 1") == [("Côte d'Ivoire",)]
    world.close()
