"""Turns a check rule into one SQL expression. Text in, text out; nothing is executed here."""

from __future__ import annotations

from datetime import date, timedelta

from ops_assets.checks.rules import CheckRule


def measure_sql(rule: CheckRule, relation: str, as_of: date) -> str:
    """A query with one row and one column ``observed`` (NULL when there is nothing to look at).

    Shares are exact decimals: both counts are cast before they are divided.
    """
    where = _window(rule, as_of)
    if rule.measure == "row_count_min":
        return f"select cast(count(*) as decimal(28, 6)) as observed from {relation}{where}"
    if rule.measure == "age_days":
        (column,) = rule.columns
        # Rows dated after the as-of date (promises, plans) say nothing about how fresh the data are.
        return (
            f"select cast(date '{as_of.isoformat()}' - max(cast({column} as date)) as decimal(28, 6)) as observed "
            f"from {relation} where cast({column} as date) <= date '{as_of.isoformat()}'"
        )
    if rule.measure == "duplicate_share":
        keys = ", ".join(rule.columns)
        return (
            "select cast(coalesce(sum(n) - count(*), 0) as decimal(28, 10)) / nullif(sum(n), 0) as observed "
            f"from (select {keys}, count(*) as n from {relation}{where} group by {keys}) as counted"
        )
    return f"select {_share(_condition(rule))} as observed from {relation}{where}"


def _condition(rule: CheckRule) -> str:
    if rule.measure == "null_share":
        return " or ".join(f"{column} is null" for column in rule.columns)
    if rule.measure == "true_share":
        if rule.condition is None:
            raise ValueError(f"Check {rule.name} of {rule.asset}: measure true_share needs a condition.")
        return rule.condition
    (column,) = rule.columns
    bounds = []
    if rule.minimum is not None:
        bounds.append(f"{column} < {rule.minimum}")
    if rule.maximum is not None:
        bounds.append(f"{column} > {rule.maximum}")
    return " or ".join(bounds)


def _share(condition: str) -> str:
    return (
        f"cast(sum(case when {condition} then 1 else 0 end) as decimal(28, 10)) / nullif(cast(count(*) as bigint), 0)"
    )


def _window(rule: CheckRule, as_of: date) -> str:
    if rule.window_days is None:
        return ""
    first = as_of - timedelta(days=rule.window_days)
    return (
        f" where {rule.event_column} > date '{first.isoformat()}' and {rule.event_column} <= date '{as_of.isoformat()}'"
    )
