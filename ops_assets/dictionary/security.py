"""The security of a model as its YAML states it: the classes of its columns and the department of its rows."""

from __future__ import annotations

from collections.abc import Mapping

from ops_assets.access import DEFAULT_CLASS, SecurityClass
from ops_assets.dictionary.base import Strict


class RowFilterSpec(Strict):
    """The column that says to which department a row belongs, as the data writes departments."""

    department: str


class ColumnMeta(Strict):
    """What a column may say under ``config.meta.trueloop``."""

    security_class: SecurityClass | None = None


class ModelSecurity(Strict):
    """The class of every column of a model, in its order; ``default`` is that of a column that states none.

    ``unstated`` are the columns whose class neither they nor their model state, so that they may inherit one.
    """

    columns: Mapping[str, SecurityClass]
    default: SecurityClass = DEFAULT_CLASS
    unstated: tuple[str, ...] = ()
    row_filter: RowFilterSpec | None = None

    def class_of(self, column: str) -> SecurityClass:
        """The class of a column; one that the model does not declare has the model's."""
        return self.columns.get(column, self.default)

    @property
    def department_column(self) -> str | None:
        return None if self.row_filter is None else self.row_filter.department
