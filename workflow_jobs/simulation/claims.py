"""How departments' figures come apart, and how far: differences in what they count, scored by the platform's formula.

Belongs here: when a difference arises, when it is seen, and the consistency score at an instant. Does not belong here:
how it is settled; that is a case like any other. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Final

from ops_assets.dictionary.base import Text
from ops_assets.reconciliation.answer import Figure
from ops_assets.reconciliation.score import Compared, overall_score, score_metric
from workflow_jobs.simulation.assumptions import Assumptions
from workflow_jobs.simulation.draws import Draws
from workflow_jobs.simulation.happenings import Happening
from workflow_jobs.simulation.office import Office

DEFINITION: Final = "metric_definition_change"
_WEEK: Final = timedelta(days=7)
_OURS: Final = Fraction(1000)


@dataclass(frozen=True)
class Difference:
    """From ``at`` on a department's claim counts something differently.

    It touches ``rows`` of the rows and moves the figure by ``gap`` (both shares; the gap has a sign).
    """

    key: str
    metric: str
    claim: str
    at: datetime
    rows: float
    gap: float


def differences(assumed: Assumptions, draws: Draws, begins: datetime, weeks: int) -> tuple[Difference, ...]:
    """All differences of the weeks, those that there were before included, in order of time."""
    known = assumed.consistency
    found = []
    for metric, claims in assumed.claims.items():
        for claim in claims:
            for week in range(-1, weeks):
                key = f"{metric}.{claim}.{week + 1}"
                share = known.disagree_at_start.value if week < 0 else known.drift_a_week.value
                if not draws.chance(share, "differs", key):
                    continue
                since = begins if week < 0 else begins + _WEEK * (week + draws.uniform("differs when", key))
                gap = min(
                    known.gap_most.value, draws.lognormal(known.gap_median.value, known.gap_sigma.value, "gap", key)
                )
                sign = 1 if draws.chance(0.5, "gap sign", key) else -1
                rows = draws.between(known.rows_low.value, known.rows_high.value, "rows", key)
                found.append(Difference(key, metric, claim, since, rows, sign * gap))
    return tuple(sorted(found, key=lambda one: (one.at, one.key)))


def seen_by_platform(office: Office, difference: Difference) -> datetime:
    """The morning after the next comparison, row by row."""
    days = timedelta(days=office.assumed.consistency.compared_daily.value)
    return office.calendar.next_working(_morning(office, difference.at + days))


def seen_at_meeting(office: Office, difference: Difference, begins: datetime, weeks: int) -> datetime | None:
    """The meeting at which somebody notices the difference and raises it; None if nobody does within the weeks."""
    known = office.assumed.consistency
    if abs(difference.gap) < known.noticed_from.value:
        return None
    for number, meeting in enumerate(_meetings(office, begins, weeks)):
        if meeting >= difference.at and office.draws.chance(known.raised.value, "raised", difference.key, number):
            return meeting
    return None


def case_of(office: Office, difference: Difference, seen: datetime) -> Happening:
    """The change of a definition that settles the difference."""
    stewards = office.directory.candidates("data_steward")
    return Happening(
        key=f"D-{difference.key}",
        template=DEFINITION,
        at=seen,
        label=f"{difference.metric}: {difference.claim}",
        requested_by=office.draws.pick(stewards, "steward", difference.key) if stewards else None,
    )


def score(assumed: Assumptions, found: Iterable[Difference], settled: Mapping[str, datetime], at: datetime) -> float:
    """The consistency score at an instant, 0 to 100: ops_assets.reconciliation.score on simulated claims.

    ``settled`` says since when a difference, by key, is none any more.
    """
    open_now = [one for one in found if one.at <= at and settled.get(one.key, at) >= at]
    rows = int(assumed.consistency.rows.value)
    scores = []
    for metric, claims in assumed.claims.items():
        compared = []
        for claim in claims:
            mine = [one for one in open_now if (one.metric, one.claim) == (metric, claim)]
            theirs = _OURS
            for one in mine:
                theirs *= 1 + Fraction(one.gap).limit_denominator(10**6)
            compared.append(
                Compared(
                    claim=claim,
                    label=Text(en=claim, zh=claim),
                    grain="window",
                    start=date(2000, 1, 1),
                    ours=Figure(_OURS, Fraction(1), rows, _OURS),
                    theirs=Figure(theirs, Fraction(1), rows, theirs),
                    gap=theirs - _OURS,
                    rows_disagree=min(rows, sum(round(one.rows * rows) for one in mine)),
                    balanced=True,
                )
            )
        scores.append(score_metric(compared).score)
    overall = overall_score(scores)
    return 100.0 if overall is None else float(overall)


def _meetings(office: Office, begins: datetime, weeks: int) -> Iterator[datetime]:
    every = office.assumed.consistency.meeting_weeks.value
    week = every
    while week <= weeks:
        yield office.calendar.next_working(_morning(office, begins + _WEEK * week))
        week += every


def _morning(office: Office, at: datetime) -> datetime:
    hour = time(int(office.assumed.company.seen_at_hour.value))
    return datetime.combine(office.calendar.local_date(at), hour, office.calendar.time_zone).astimezone(UTC)
