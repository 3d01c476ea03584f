"""Security classes along the lineage: a column that states none is as sensitive as what its values are made of.

Pure. A stated class stands, also a lower one: a count of people is not personal, and the .yml says so.
"""

from __future__ import annotations

from collections.abc import Mapping

from ops_assets.access import CLASSES, SecurityClass
from ops_assets.dictionary.security import ModelSecurity
from ops_assets.lineage import Column, Lineage


def with_inherited_classes(security: Mapping[str, ModelSecurity], lineage: Lineage) -> dict[str, ModelSecurity]:
    """``security`` with the class of every column that states none raised to the highest of those above it.

    Columns that the lineage does not know keep what they have.
    """
    found: dict[Column, SecurityClass] = {}

    def class_of(column: Column) -> SecurityClass:
        if column not in found:
            model = security.get(column.relation)
            own: SecurityClass = "internal" if model is None else model.class_of(column.name)
            found[column] = own
            if model is None or column.name in model.unstated:
                relation = lineage.relations.get(column.relation)
                above = () if relation is None else relation.values.get(column.name, ())
                found[column] = max([own, *map(class_of, above)], key=CLASSES.index)
        return found[column]

    return {
        name: model.model_copy(update={"columns": {column: class_of(Column(name, column)) for column in model.columns}})
        for name, model in security.items()
    }
