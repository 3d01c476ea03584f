"""The one place that reads rows of a snapshot for people: classes, masks and departments are applied here.

Belongs here: reading a relation's rows for a reader. Figures (sums that were published or computed by a query) are
ops_assets.governed_figures' business; who may see what is decided in ops_assets.access. The SQL is built from names
that the relation has and from bound values; no text of a caller becomes SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from ops_assets.access import CLASSES, AccessPolicy, AccessRefused, Hidden, Reader, SecurityClass, View
from ops_assets.definition_bundle import DefinitionBundle
from ops_assets.dictionary.security import ModelSecurity
from ops_assets.row_conditions import Condition
from ops_assets.sql_names import quoted
from resources.serving import Snapshot

MOST_ROWS = 10_000
# Tables of the snapshot that hold rows of a model under another name.
_MODELS_OF_TABLES = {"people": "dim_person", "person_roles": "person_role", "absences": "absence"}
_CLAIM_ROWS = "claim_row_"
_SIDES = ("ours_", "theirs_")
_UNFIT = (duckdb.ConversionException, duckdb.BinderException, duckdb.TypeMismatchException, duckdb.OutOfRangeException)
_NEVER_SHOWN = frozenset({"_batch_seq", "_facts_seq"})


class RowsError(ValueError):
    """A request for rows that cannot be answered as stated; the sentence says what to change."""


@dataclass(frozen=True)
class Order:
    """Order by a column; nulls come last."""

    column: str
    descending: bool = False


@dataclass(frozen=True)
class Table:
    """Rows for a reader. ``rows`` are in the order of ``columns``; ``more`` says that the limit cut some off."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    hidden: Hidden
    more: bool = False

    def dicts(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class GovernedRows:
    """The rows of one snapshot as readers may see them, judged by the definitions that made the snapshot."""

    snapshot: Snapshot
    bundle: DefinitionBundle
    policy: AccessPolicy

    def view(self, relation: str, reader: Reader) -> View:
        """What the reader sees of a relation. Raises RowsError for an unknown one, AccessRefused for a claim's or
        metric's rows whose figures the reader may not see.
        """
        columns = self._columns(relation)
        security = self._security(relation, columns)
        if security is None:
            raise RowsError(f"There is no relation {relation!r} whose rows are shown in snapshot {self.snapshot.id}.")
        metric = self._metric_of(relation)
        if metric is not None:
            refusal = self.policy.refusal(reader, metric, self.bundle.metrics[metric].security_class)
            if refusal is not None:
                raise AccessRefused(refusal)
        classes = {column: security.class_of(column) for column in columns if column not in _NEVER_SHOWN}
        return self.policy.view(reader, classes, security.department_column)

    def read(
        self,
        relation: str,
        reader: Reader,
        columns: Sequence[str] | None = None,
        where: Iterable[Condition] = (),
        limit: int = 100,
        order: Sequence[Order] = (),
        offset: int = 0,
    ) -> Table:
        """Rows of ``relation`` for ``reader``, at most ``limit`` (1 to 10,000) after ``offset``.

        Columns that the reader may not see are masked or left out, also when ``columns`` names them; a condition or an
        order on such a column is refused, since the answer would tell what it holds. Rows of other departments are not
        read. Raises RowsError for unknown names and values that do not fit the column, AccessRefused.
        """
        view = self.view(relation, reader)
        where, wanted = tuple(where), tuple(columns if columns is not None else view.columns)
        _known(view, wanted, "columns")
        _known(view, (condition.column for condition in where), "where")
        _known(view, (one.column for one in order), "order")
        view.require_visible((condition.column for condition in where), "filter")
        view.require_visible((one.column for one in order), "order")
        if not 1 <= limit <= MOST_ROWS or offset < 0:
            raise RowsError(f"limit must be from 1 to {MOST_ROWS:,} and offset 0 or more.")
        shown = tuple(dict.fromkeys(column for column in wanted if column not in view.left_out))
        if not shown:
            raise AccessRefused(
                f"The role {reader.role!r} sees none of the columns {', '.join(wanted)} of {relation}. "
                f"It sees: {', '.join(view.columns) or 'none'}."
            )
        sql, values = _statement(relation, shown, view, where, order, limit, offset)
        found = self._fetch(sql, values, relation)
        rows = tuple(
            tuple(view.value(column, value) for column, value in zip(shown, row, strict=True)) for row in found[:limit]
        )
        hidden = Hidden(
            masked=tuple(column for column in view.masked if column in wanted),
            left_out=tuple(column for column in view.left_out if column in wanted),
            rows_by=view.row_filter.column if view.row_filter else None,
        )
        return Table(shown, rows, hidden, more=len(found) > limit)

    def _fetch(self, sql: str, values: Sequence[object], relation: str) -> list[tuple[Any, ...]]:
        cursor = self.snapshot.connect()
        try:
            return cursor.execute(sql, values).fetchall()
        except _UNFIT as error:
            raise RowsError(f"A value does not fit its column in {relation}: {str(error).splitlines()[0]}") from error
        finally:
            cursor.close()

    def _columns(self, relation: str) -> tuple[str, ...]:
        rows = self.snapshot.rows(
            "select column_name from duckdb_columns() where table_name = ? and not internal order by column_index",
            [relation],
        )
        return tuple(row["column_name"] for row in rows)

    def _metric_of(self, relation: str) -> str | None:
        """The metric whose rows these are: its own, or those behind a claim on it."""
        if relation in self.bundle.metrics:
            return relation
        if relation.startswith(_CLAIM_ROWS):
            claim = relation.removeprefix(_CLAIM_ROWS)
            for name, metric in self.bundle.metrics.items():
                if any(claim in (spec.name, spec.model) for spec in metric.claims):
                    return name
        return None

    def _security(self, relation: str, columns: Sequence[str]) -> ModelSecurity | None:
        known = self.bundle.security.get(_MODELS_OF_TABLES.get(relation, relation))
        if known is not None:
            return known if columns else None
        metric = self._metric_of(relation)
        if not columns or metric is None:
            return None
        # Rows behind a claim come from two models; the strictest class that any model gives the name holds.
        return ModelSecurity(
            columns={column: strictest_class(self.bundle.security, _without_side(column)) for column in columns},
            default=self.bundle.metrics[metric].security_class,
        )


def strictest_class(security: Mapping[str, ModelSecurity], column: str) -> SecurityClass:
    """The highest class that any model gives a column of this name; internal where none has it."""
    found = [model.columns[column] for model in security.values() if column in model.columns]
    return max(found, key=CLASSES.index, default="internal")


def _without_side(column: str) -> str:
    for side in _SIDES:
        if column.startswith(side):
            return column.removeprefix(side)
    return column


def _known(view: View, names: Iterable[str], where: str) -> None:
    unknown = [name for name in names if name not in view.classes]
    if unknown:
        raise RowsError(f"{where}: there is no column {', '.join(unknown)}. There are: {', '.join(view.columns)}.")


def _statement(
    relation: str,
    shown: Sequence[str],
    view: View,
    where: Sequence[Condition],
    order: Sequence[Order],
    limit: int,
    offset: int,
) -> tuple[str, list[object]]:
    """The query and its values; one row more than the limit tells whether there are more."""
    conditions, values = [], []
    for condition in where:
        sql, bound = condition.sql()
        conditions.append(sql)
        values += bound
    if view.row_filter is not None:
        marks = ", ".join("?" for _ in view.row_filter.values)
        column = quoted(view.row_filter.column)
        conditions.append(f"cast({column} as varchar) in ({marks})" if marks else "false")
        values += view.row_filter.values
    # Pages must not overlap, so the order is completed by what the reader sees; never by what is hidden.
    first = [f"{quoted(one.column)} {'desc' if one.descending else 'asc'} nulls last" for one in order]
    ordered = {one.column for one in order}
    then = [quoted(column) for column in view.visible if column not in ordered]
    by = f" order by {', '.join([*first, *then])}" if first or then else ""
    filtered = f" where {' and '.join(conditions)}" if conditions else ""
    names = ", ".join(quoted(column) for column in shown)
    return (
        f"select {names} from {quoted(relation)}{filtered}{by} limit {int(limit) + 1} offset {int(offset)}",
        values,
    )
