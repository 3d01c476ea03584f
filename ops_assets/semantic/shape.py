"""The shape of a query: everything of it but the values. Queries of one shape share one compiled statement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ops_assets.semantic.query import Direction, Grain, Operator

Figure = Literal["period", "window", "to_date"]
FIRST, LAST, SHOWN_FROM, LIMIT = "first_day", "last_day", "shown_from", "most_rows"


@dataclass(frozen=True)
class FilterShape:
    """A condition without its values. ``slots`` is a power of two, so that lists of similar length share a shape."""

    dimension: str
    on: Literal["id", "label"]
    op: Operator
    slots: int

    def parameters(self, place: int) -> tuple[str, ...]:
        """Names of the parameters that the values are bound to; ``place`` is the filter's place in the query."""
        return tuple(f"f{place}_{slot}" for slot in range(self.slots))


@dataclass(frozen=True)
class Source:
    """What a metric's figures are read from: ``relation`` in the snapshot, or nothing where the metric has no rows.

    ``rows_of`` and ``row_slots`` say the column and the number of values by which the reader's rows are filtered.
    """

    metric: str
    relation: str | None
    rows_of: str | None = None
    row_slots: int = 0

    def parameters(self, place: int) -> tuple[str, ...]:
        return tuple(f"r{place}_{slot}" for slot in range(self.row_slots))


@dataclass(frozen=True)
class OrderKey:
    """``by`` is ``period``, a dimension or a metric."""

    by: str
    direction: Direction


@dataclass(frozen=True)
class Shape:
    """See the module. ``aggregations`` and ``window_days`` go with ``sources``, one of each metric."""

    sources: tuple[Source, ...]
    aggregations: tuple[str, ...]
    dimensions: tuple[str, ...]
    grain: Grain | None
    figure: Figure
    window_days: int | None
    filters: tuple[FilterShape, ...]
    order: tuple[OrderKey, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(source.metric for source in self.sources)

    def placeholders(self) -> Iterator[str]:
        """Every parameter that the compiled statement must have."""
        yield from (FIRST, LAST, LIMIT)
        if self.figure == "window":
            yield SHOWN_FROM
        for place, source in enumerate(self.sources):
            yield from source.parameters(place)
        for place, condition in enumerate(self.filters):
            yield from condition.parameters(place)


def slots_for(values: int) -> int:
    """The next power of two: the last value is repeated to fill the rest."""
    return 0 if values == 0 else 1 << (values - 1).bit_length()
