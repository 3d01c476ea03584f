"""Which rows of a metric model make its headline figure."""

from __future__ import annotations

from datetime import date, timedelta


def window_start(as_of: date, window_days: int | None) -> date | None:
    """The first day of a window that ends with ``as_of``; None for all history."""
    return None if window_days is None else as_of - timedelta(days=window_days - 1)


def headline_filter(aggregation: str, relation: str, as_of: date, window_days: int | None) -> str:
    """SQL condition over the rows of ``relation``: the window up to ``as_of``, or a stock figure's last counted day."""
    until = f"event_date <= date '{as_of.isoformat()}'"
    if aggregation == "latest_sum":
        return f"event_date = (select max(event_date) from {relation} where {until})"
    first = window_start(as_of, window_days)
    return until if first is None else f"event_date >= date '{first.isoformat()}' and {until}"
