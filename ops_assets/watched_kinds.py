"""The kinds of watch rules that look at more than one figure: change, control limits, missing data.

Belongs here: which periods a rule compares and which of its subjects breach. Reading rows is ops_assets.watched_rows,
Nelson's tests ops_assets.checks.control_limits. Only periods that are over, and that the metric's rows cover whole, are
looked at: half a month would look like a fall.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, Literal

from ops_assets.breach import Breach
from ops_assets.catalog import Watch
from ops_assets.checks.control_limits import limits_of, special_causes
from ops_assets.dictionary.watch_rule import ChangeSpec, ControlSpec, MissingSpec
from ops_assets.periods import Period, before, last_whole, period_of, window, year_before
from ops_assets.watch_words import change_words, control_words, form_of, missing_words
from ops_assets.watched_rows import Columns, SubjectSums, first_day, newest_days, series_of, sums_of
from resources.serving import Snapshot

# A subject that had no row for a year is none any more.
_REMEMBERED_DAYS = 365
# How many periods are read for one point of the baseline: a subject may have none in some.
_SPARSE = 3


@dataclass(frozen=True, slots=True)
class _Figure:
    """A subject's figure in one period."""

    subject: str
    label: str
    start: date
    value: Fraction


def change_breaches(watch: Watch, spec: ChangeSpec, snapshot: Snapshot, metric: Mapping[str, Any]) -> list[Breach]:
    """The subjects whose figure moved by more than the rule allows, relative to the older figure and exactly."""
    periods = compared_periods(spec, metric["as_of"], metric["window_days"])
    oldest = first_day(snapshot, watch.metric)
    if periods is None or oldest is None or oldest > periods[1].first:
        return []
    at, than = periods
    old = {figure.subject: figure for figure in _figures(watch, snapshot, than)}
    found = []
    for new in _figures(watch, snapshot, at):
        earlier = old.get(new.subject)
        if earlier is None or not changed_too_much(spec, watch.direction, new.value, earlier.value):
            continue
        rose = new.value > earlier.value
        allowed = earlier.value + abs(earlier.value) * Fraction(spec.more_than) * (1 if rose else -1)
        found.append(
            Breach(
                **_subject(watch, new.subject, new.label),
                direction="above" if rose else "below",
                observed=_decimal(new.value),
                threshold=_decimal(allowed),
                kind="change",
                why=change_words(form_of(metric), spec, new.value, earlier.value, at, than),
                evidence={
                    "points": [_point(than.label, earlier.value), _point(at.label, new.value)],
                    "limits": {"allowed": float(allowed)},
                },
            )
        )
    return found


def compared_periods(spec: ChangeSpec, as_of: date, window_days: int | None) -> tuple[Period, Period] | None:
    """The newer and the older period that a rule compares; None for a window of a figure over all history."""
    if spec.against == "previous_window":
        if window_days is None:
            return None
        newer = window(as_of, window_days)
        return newer, newer.moved(-window_days)
    newer = last_whole("month", as_of)
    return newer, year_before(newer) if spec.against == "same_period_last_year" else before("month", newer)


def changed_too_much(spec: ChangeSpec, better: Literal["up", "down", "none"], new: Fraction, old: Fraction) -> bool:
    """Whether a movement is beyond the rule. Against nothing (zero) no relative change can be told."""
    if old == 0 or abs(new - old) <= abs(old) * Fraction(spec.more_than):
        return False
    return spec.direction == "any" or is_worse(better, new, old)


def is_worse(better: Literal["up", "down", "none"], new: Fraction | float, old: Fraction | float) -> bool:
    return (new < old) if better == "up" else (new > old)


def control_breaches(watch: Watch, spec: ControlSpec, snapshot: Snapshot, metric: Mapping[str, Any]) -> list[Breach]:
    """The subjects whose newest whole period completes one of the rule's patterns."""
    oldest = first_day(snapshot, watch.metric)
    newest = last_whole(spec.points, metric["as_of"])
    if oldest is None:
        return []
    first = newest
    for _ in range(spec.baseline * _SPARSE):
        earlier = before(spec.points, first)
        if earlier.first < oldest:
            break
        first = earlier
    if first.first < oldest:
        return []
    rows = series_of(
        snapshot, watch.metric, watch.aggregation, spec.points, Period(first.first, newest.last), _columns(watch)
    )
    by_subject: dict[str, list[_Figure]] = {}
    for figure in _valued(watch, rows):
        by_subject.setdefault(figure.subject, []).append(figure)
    found = []
    for figures in by_subject.values():
        points = figures[-spec.baseline - 1 :]
        if len(points) <= spec.baseline or points[-1].start != newest.first:
            continue
        breach = _beyond_control(watch, spec, points, newest, metric)
        if breach is not None:
            found.append(breach)
    return found


def _beyond_control(
    watch: Watch, spec: ControlSpec, points: Sequence[_Figure], newest: Period, metric: Mapping[str, Any]
) -> Breach | None:
    values = [float(point.value) for point in points]
    limits = limits_of(values[:-1])
    tests = special_causes(values, limits, spec.tests)
    last = points[-1]
    if not tests or (spec.direction == "worse" and not is_worse(watch.direction, values[-1], limits.centre)):
        return None
    above = values[-1] > limits.centre
    return Breach(
        **_subject(watch, last.subject, last.label),
        direction="above" if above else "below",
        observed=_decimal(last.value),
        # The patterns within the limits are about the centre; back there, they are gone.
        threshold=Decimal(repr((limits.upper if above else limits.lower) if 1 in tests else limits.centre)),
        kind="control",
        why=control_words(form_of(metric), spec, tests, last.value, newest.label, limits),
        evidence={
            "points": [_point(period_of(spec.points, point.start).label, point.value) for point in points],
            "limits": {"centre": limits.centre, "lower": limits.lower, "upper": limits.upper},
            "tests": list(tests),
        },
    )


def missing_breaches(watch: Watch, spec: MissingSpec, snapshot: Snapshot, metric: Mapping[str, Any]) -> list[Breach]:
    """The subjects that had rows within the last year, but none for longer than the rule allows."""
    as_of: date = metric["as_of"]
    looked_at = window(as_of, metric["window_days"] or _REMEMBERED_DAYS)
    if watch.rule.dimension is None:
        looked_at = window(as_of, _REMEMBERED_DAYS)
    found = []
    for sums, newest in newest_days(snapshot, watch.metric, looked_at, _columns(watch)):
        silent = (as_of - newest).days
        if silent <= spec.days or sums.denominator < watch.rule.min_denominator:
            continue
        found.append(
            Breach(
                **_subject(watch, sums.subject_id or "", sums.label),
                direction="",
                observed=None,
                threshold=None,
                kind="missing",
                why=missing_words(newest, silent, spec.days),
                evidence={"newest": newest.isoformat(), "limits": {"days": spec.days}},
                episode=newest.isoformat(),
            )
        )
    return found


def _figures(watch: Watch, snapshot: Snapshot, period: Period) -> Iterator[_Figure]:
    return _valued(watch, sums_of(snapshot, watch.metric, watch.aggregation, period, _columns(watch)))


def _valued(watch: Watch, rows: Sequence[SubjectSums]) -> Iterator[_Figure]:
    """The figures of subjects that are large enough to judge; rows without a subject are none's."""
    for sums in rows:
        if sums.subject_id is None or sums.denominator < watch.rule.min_denominator:
            continue
        if watch.aggregation != "ratio":
            yield _Figure(sums.subject_id, sums.label, sums.start, Fraction(sums.numerator))
        elif sums.denominator:
            value = Fraction(sums.numerator) / Fraction(sums.denominator)
            yield _Figure(sums.subject_id, sums.label, sums.start, value)


def _columns(watch: Watch) -> Columns:
    return Columns() if watch.columns is None else Columns(watch.columns.id, watch.columns.label)


def _subject(watch: Watch, subject: str, label: str) -> dict[str, Any]:
    return {
        "rule_id": watch.id,
        "metric": watch.metric,
        "template": watch.rule.template,
        "subject_kind": watch.rule.dimension or "",
        "subject_id": subject,
        "subject_label": label,
    }


def _point(label: str, value: Fraction) -> dict[str, Any]:
    return {"label": label, "value": float(value)}


def _decimal(value: Fraction) -> Decimal:
    """A raw figure as cases keep it: 28 digits."""
    with localcontext() as context:
        context.prec = 28
        return Decimal(value.numerator) / Decimal(value.denominator)
