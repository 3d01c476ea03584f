"""Landing schemas: what is read from _sources.yml, and which mistakes are refused, with file and line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from ops_assets.ingestion.landing_schema import LandingSchemaError, read_landing_schema
from tests.packs.ingestion_world import PACKS

GOOD = """version: 2
sources:
  - name: erp
    tables:
      - name: orders
        identifier: erp__orders
        config:
          meta:
            landing:
              files: "erp/orders_*.csv"
              key: [order_no]
        columns:
          - name: order_no
            data_type: varchar
          - name: amount
            data_type: decimal(18,4)
            config: {meta: {landing: {as: "Amount", min: 0, money_text: true}}}
"""


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "erp").mkdir(exist_ok=True)
    (tmp_path / "erp" / "_sources.yml").write_text(text)
    return tmp_path


def test_reads_tables_with_defaults(tmp_path: Path) -> None:
    table = read_landing_schema(write(tmp_path, GOOD)).tables[0]
    assert (table.raw_name, table.kind, table.format, table.files) == (
        "raw.erp__orders", "events", "csv", ("erp/orders_*.csv",),
    )  # fmt: skip
    key, amount = table.columns
    assert key.required and not amount.required
    assert (amount.source_name, amount.sql_type, amount.minimum) == ("Amount", "DECIMAL(18,4)", Decimal(0))


def test_a_table_without_landing_part_is_none_of_ours(tmp_path: Path) -> None:
    text = "version: 2\nsources:\n  - name: other\n    tables:\n      - name: t\n"
    assert read_landing_schema(write(tmp_path, text)).tables == ()


def test_table_formats_are_inherited_and_overridden() -> None:
    table = read_landing_schema(PACKS / "scms").tables[0]
    assert table.column("quoted_on").formats == ("%m/%d/%y",)
    assert table.column("id").formats == ("iso",)


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("key: [order_no]", "kee: [order_no]", 11, "'kee' is not a landing option"),
        ("key: [order_no]", "key: [nothing]", 11, "'nothing', which is not a declared column"),
        ("key: [order_no]", "kind: snapshot", 10, "declares no key"),
        ("key: [order_no]", "key: [order_no]\n              kind: stream", 12, "one of events, snapshot"),
        ("key: [order_no]", "key: [order_no]\n              full_export: 1", 12, "true or false"),
        ("identifier: erp__orders", "identifier: orders", 5, "identifier must be 'erp__orders'"),
        ("decimal(18,4)", "money", 16, "'money' is not a type"),
        ("decimal(18,4)", "decimal(40,4)", 16, "1 to 38 digits"),
        ("min: 0", "min: low", 17, "'low' does not fit"),
        ("min: 0", "pattern: '('", 17, "not a regular expression"),
        ("min: 0", "date_frmt: x", 17, "'date_frmt' is not a landing option of a column"),
        ("- name: amount", "- name: order_no", 5, "declared twice"),
        (
            "key: [order_no]",
            "key: [order_no]\n              rules: [{name: r, expr: 'amount > other'}]",
            12,
            "'other', which is not a declared column",
        ),
        (
            "key: [order_no]",
            "key: [order_no]\n              rules: [{name: r, expr: 'amount.sum() > 1'}]",
            12,
            "not call functions",
        ),
        ("version: 2", "version: [2", 2, "not valid YAML"),
    ],
)
def test_mistakes_are_refused_with_file_and_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    folder = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(LandingSchemaError) as error:
        read_landing_schema(folder)
    assert says in str(error.value)
    assert f"_sources.yml:{line}:" in str(error.value)


def test_the_hash_follows_the_declaration_and_not_its_place(tmp_path: Path) -> None:
    first = read_landing_schema(write(tmp_path, GOOD)).tables[0].schema_hash
    moved = read_landing_schema(write(tmp_path, "# a comment\n" + GOOD)).tables[0].schema_hash
    changed = read_landing_schema(write(tmp_path, GOOD.replace("min: 0", "min: 1"))).tables[0].schema_hash
    assert first == moved != changed


def test_declaring_a_table_twice_names_both_places(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "_sources.yml").write_text(GOOD)
    with pytest.raises(LandingSchemaError, match="declared a second time"):
        read_landing_schema(tmp_path)
