"""Landing schemas: what a pack's dbt ``_sources.yml`` files say about the files and rows that may land.

The dbt source definition is the one place where a source table is declared. This module reads its
``config.meta.landing`` parts into frozen dataclasses; it validates the declaration, not the data.
An unknown option is refused with file and line, so that a typo never passes silently.

Example, with every option::

    sources:
      - name: erp                                   # the system
        tables:
          - name: sales_order_lines
            identifier: erp__sales_order_lines      # raw.erp__sales_order_lines
            config:
              meta:
                landing:
                  files: "erp/sales_order_lines_*.csv"   # glob or list; absent: fed by events alone
                  format: csv                       # csv | jsonl | parquet
                  kind: events                      # events: rows are added or replaced by key
                                                    # snapshot: each file is the full table
                  key: [order_no, line_no]
                  immutable: [customer_no]          # changed under an existing key: rule id_reused
                  event_time: ordered_at
                  full_export: false                # true: a file with fewer rows than the last is set aside
                  expected_within_days: 2           # later than this is said to be late
                  date_format: "%Y-%m-%d"           # one or a list; default ISO
                  timestamp_format: [iso, "%Y-%m-%d"]    # one or a list; here: midnight may be cut
                  encoding: utf-8
                  delimiter: ","
                  extra_columns: refuse             # refuse | ignore
                  null_values: ["n/a"]              # mean null in every column
                  rules:                            # hold also where a column they name is null
                    - {name: delivered_after_shipped, expr: "delivered_at >= shipped_at", why: "..."}
            columns:
              - name: order_no
                data_type: varchar                  # varchar integer bigint decimal(p,s) double date timestamp boolean
                config:
                  meta:
                    landing:
                      required: true
                      as: "Order No."               # the column's name in the file
                      optional: false               # true: files may lack the column
                      pattern: "SO[0-9]{10}"        # the whole text must match
                      min: 0
                      max: 1000
                      one_of: [a, b]
                      null_values: ["Date Not Captured"]
                      null_pattern: "See "          # matched at the start of the text
                      date_format: "%d-%m-%Y"       # also timestamp_format
                      money_text: true              # "$1,234.50 ", "($3.00)"
                      trim: true                    # varchar: cut blanks at both ends
"""

from __future__ import annotations

import ast
import codecs
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from ops_assets.ingestion.yaml_lines import Item, YamlProblem, read_yaml

ISO = "iso"
_TYPES = ("varchar", "integer", "bigint", "double", "date", "timestamp", "boolean")
_DECIMAL = re.compile(r"^decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)$")
_NAME = re.compile(r"^[a-z][a-z0-9_]*$")
_TABLE_OPTIONS = frozenset(
    (
        *("files", "format", "kind", "key", "immutable", "event_time", "full_export", "expected_within_days"),
        *("date_format", "timestamp_format", "encoding", "delimiter", "extra_columns", "null_values", "rules"),
    )
)
_COLUMN_OPTIONS = frozenset(
    (
        *("required", "as", "optional", "pattern", "min", "max", "one_of", "null_values", "null_pattern"),
        *("date_format", "timestamp_format", "money_text", "trim"),
    )
)


class LandingSchemaError(ValueError):
    """A landing schema that cannot be used; the text names file, line, what is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class Column:
    """One declared column. ``formats`` holds strptime formats or ``iso``; bounds are decimals or dates."""

    name: str
    source_name: str
    data_type: str
    precision: int = 0
    scale: int = 0
    required: bool = False
    optional: bool = False
    pattern: str | None = None
    minimum: Decimal | date | None = None
    maximum: Decimal | date | None = None
    one_of: tuple[str, ...] = ()
    null_values: tuple[str, ...] = ()
    null_pattern: str | None = None
    formats: tuple[str, ...] = (ISO,)
    money_text: bool = False
    trim: bool = False

    @property
    def sql_type(self) -> str:
        """The column's type in the warehouse."""
        return f"DECIMAL({self.precision},{self.scale})" if self.data_type == "decimal" else self.data_type.upper()

    @property
    def temporal(self) -> bool:
        return self.data_type in ("date", "timestamp")


@dataclass(frozen=True, slots=True)
class RowRule:
    """A condition over columns of one row; ``columns`` are those that ``expr`` names."""

    name: str
    expr: str
    why: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LandingTable:
    """One source table: which files feed it, what its rows look like, how they replace each other."""

    system: str
    name: str
    identifier: str
    files: tuple[str, ...]
    format: Literal["csv", "jsonl", "parquet"]
    kind: Literal["events", "snapshot"]
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    immutable: tuple[str, ...] = ()
    event_time: str | None = None
    full_export: bool = False
    expected_within_days: int | None = None
    encoding: str = "utf-8"
    delimiter: str = ","
    extra_columns: Literal["refuse", "ignore"] = "refuse"
    rules: tuple[RowRule, ...] = ()
    where: str = field(default="", compare=False)

    @property
    def raw_name(self) -> str:
        """The qualified raw table."""
        return f"raw.{self.identifier}"

    @property
    def schema_hash(self) -> str:
        """Changes when the declaration changes in a way that may let other rows or files pass."""
        return _digest(self)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


@lru_cache(maxsize=1024)
def _digest(table: LandingTable) -> str:
    declared = asdict(table)
    del declared["where"]
    return hashlib.sha256(json.dumps(declared, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class LandingSchema:
    """All source tables of the packs that were read, in order of their identifier."""

    tables: tuple[LandingTable, ...]

    def by_identifier(self, identifier: str) -> LandingTable | None:
        """The table behind ``raw.<identifier>``, or None."""
        return next((table for table in self.tables if table.identifier == identifier), None)

    def find(self, system: str, name: str) -> LandingTable | None:
        """The table ``name`` of ``system``, or None."""
        return next((t for t in self.tables if t.system == system and t.name == name), None)


def read_landing_schema(folders: Path | Sequence[Path]) -> LandingSchema:
    """Read every ``_sources.yml`` below ``folders`` (a pack folder, or several).

    Raises LandingSchemaError naming file and line.
    """
    tables: dict[str, LandingTable] = {}
    for folder in [folders] if isinstance(folders, Path) else folders:
        for path in sorted(folder.rglob("_sources.yml")):
            try:
                found = list(_read_file(path))
            except YamlProblem as problem:
                raise LandingSchemaError(str(problem)) from problem
            for table in found:
                if table.identifier in tables:
                    raise LandingSchemaError(
                        f"{table.where}: raw.{table.identifier} is declared a second time; "
                        f"the first declaration is at {tables[table.identifier].where}. Rename one of them."
                    )
                tables[table.identifier] = table
    return LandingSchema(tuple(tables[name] for name in sorted(tables)))


def _read_file(path: Path) -> Iterable[LandingTable]:
    root = read_yaml(path)
    if "sources" not in root:
        return
    for source in root["sources"].items():
        system = source["name"].text()
        for declared in source["tables"].items() if "tables" in source else []:
            landing = declared.at("config", "meta", "landing")
            if landing is not None:
                yield _table(system, declared, landing)


def _table(system: str, declared: Item, landing: Item) -> LandingTable:
    landing.only(_TABLE_OPTIONS, "landing option of a table")
    name = declared["name"].text()
    expected = f"{system}__{name}"
    identifier = declared["identifier"].text() if "identifier" in declared else expected
    if identifier != expected or not _NAME.match(identifier):
        raise declared.problem(f"identifier must be {expected!r} in lower case, so that it names raw.{expected}")
    if "columns" not in declared:
        raise declared.problem(f"{expected} declares no columns; list each with its data_type")
    defaults = {
        "date": landing.texts("date_format") or (ISO,),
        "timestamp": landing.texts("timestamp_format") or (ISO,),
    }
    key = landing.texts("key")
    if not key:
        raise landing.problem(f"{expected} declares no key; list the columns that identify a row")
    nulls = landing.texts("null_values")
    columns = tuple(_column(item, key, nulls, defaults) for item in declared["columns"].items())
    names = [column.name for column in columns]
    for what in ("key", "immutable", "event_time"):
        for column in landing.texts(what):
            if column not in names:
                raise landing[what].problem(f"{what} names {column!r}, which is not a declared column of {expected}")
    for repeated in {n for n in names if names.count(n) > 1}:
        raise declared.problem(f"column {repeated!r} is declared twice")
    if landing.texts("immutable") and landing.choice("kind", ("events", "snapshot"), "events") == "snapshot":
        raise landing["immutable"].problem("immutable needs kind: events; a snapshot replaces all rows")
    events = landing.texts("event_time")
    days = landing.integer("expected_within_days")
    return LandingTable(
        system=system,
        name=name,
        identifier=identifier,
        files=landing.texts("files"),
        format=landing.choice("format", ("csv", "jsonl", "parquet"), "csv"),
        kind=landing.choice("kind", ("events", "snapshot"), "events"),
        key=key,
        columns=columns,
        immutable=landing.texts("immutable"),
        event_time=events[0] if events else None,
        full_export=landing.flag("full_export"),
        expected_within_days=days,
        encoding=_encoding(landing),
        delimiter=_delimiter(landing),
        extra_columns=landing.choice("extra_columns", ("refuse", "ignore"), "refuse"),
        rules=tuple(_rule(item, names) for item in landing["rules"].items()) if "rules" in landing else (),
        where=declared.where,
    )


def _encoding(landing: Item) -> str:
    encoding = landing["encoding"].text() if "encoding" in landing else "utf-8"
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        raise landing["encoding"].problem(
            f"unknown encoding {encoding!r}; use a Python codec such as gb18030"
        ) from None


def _delimiter(landing: Item) -> str:
    delimiter = landing["delimiter"].text() if "delimiter" in landing else ","
    if len(delimiter) != 1:
        raise landing["delimiter"].problem("delimiter must be one character")
    return delimiter


def _column(
    declared: Item, key: tuple[str, ...], nulls: tuple[str, ...], defaults: dict[str, tuple[str, ...]]
) -> Column:
    name = declared["name"].text()
    if not _NAME.match(name):
        raise declared.problem(f"column {name!r}: use lower case letters, digits and _; the file's name goes to `as`")
    if "data_type" not in declared:
        raise declared.problem(f"column {name!r} has no data_type; use one of {', '.join(_TYPES)}, decimal(p,s)")
    data_type = declared["data_type"].text().lower().strip()
    precision = scale = 0
    if match := _DECIMAL.match(data_type):
        data_type, precision, scale = "decimal", int(match[1]), int(match[2])
        if not 1 <= precision <= 38 or scale > precision:
            raise declared["data_type"].problem("a decimal has 1 to 38 digits, and no more decimals than digits")
    elif data_type not in _TYPES:
        raise declared["data_type"].problem(
            f"{data_type!r} is not a type; use one of {', '.join(_TYPES)}, decimal(p,s)"
        )
    landing = declared.at("config", "meta", "landing")
    if landing is None:
        return Column(name, name, data_type, precision, scale, required=name in key, null_values=nulls,
                      formats=defaults.get(data_type, (ISO,)))  # fmt: skip
    landing.only(_COLUMN_OPTIONS, "landing option of a column")
    own = landing.texts(f"{data_type}_format") if data_type in defaults else ()
    if landing.flag("money_text") and data_type not in ("decimal", "double"):
        raise landing["money_text"].problem("money_text needs a decimal or double column")
    return Column(
        name=name,
        source_name=landing["as"].text() if "as" in landing else name,
        data_type=data_type,
        precision=precision,
        scale=scale,
        required=landing.flag("required") or name in key,
        optional=landing.flag("optional"),
        pattern=_pattern(landing, "pattern"),
        minimum=_bound(landing, "min", data_type),
        maximum=_bound(landing, "max", data_type),
        one_of=landing.texts("one_of"),
        null_values=nulls + landing.texts("null_values"),
        null_pattern=_pattern(landing, "null_pattern"),
        formats=own or defaults.get(data_type, (ISO,)),
        money_text=landing.flag("money_text"),
        trim=landing.flag("trim"),
    )


def _pattern(landing: Item, option: str) -> str | None:
    if option not in landing:
        return None
    pattern = landing[option].text()
    try:
        re.compile(pattern)
    except re.error as error:
        raise landing[option].problem(f"{option} {pattern!r} is not a regular expression: {error}") from error
    return pattern


def _bound(landing: Item, option: str, data_type: str) -> Decimal | date | None:
    if option not in landing:
        return None
    value = str(landing[option].value)
    if data_type in ("varchar", "boolean"):
        raise landing[option].problem(f"{option} needs a column of numbers, dates or timestamps, not {data_type}")
    try:
        return date.fromisoformat(value) if data_type in ("date", "timestamp") else Decimal(value)
    except (ValueError, InvalidOperation):
        raise landing[option].problem(f"{option}: {value!r} does not fit a column of type {data_type}") from None


def _rule(declared: Item, columns: list[str]) -> RowRule:
    declared.only(frozenset(("name", "expr", "why")), "part of a rule")
    expr = declared["expr"].text()
    try:
        tree = ast.parse(expr, mode="eval")
    except SyntaxError as error:
        raise declared["expr"].problem(f"expr {expr!r} is not an expression: {error.msg}") from error
    named: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in named:
            named.append(node.id)
        if isinstance(node, ast.Call | ast.Attribute | ast.Lambda):
            raise declared["expr"].problem("expr may compare and calculate, not call functions or attributes")
    for name in named:
        if name not in columns:
            raise declared["expr"].problem(f"expr names {name!r}, which is not a declared column")
    if not named:
        raise declared["expr"].problem("expr names no column")
    why: Any = declared["why"].text() if "why" in declared else f"{expr} does not hold"
    return RowRule(declared["name"].text(), expr, why, tuple(named))
