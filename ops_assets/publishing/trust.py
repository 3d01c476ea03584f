"""The section on trust: scores by dimension, and what each metric's state is judged from when it is read.

Belongs here: gathering verdicts, lineage, feeds and the beginning of causes. The formulas are ops_assets.checks.scores,
the states ops_assets.checks.trust, reading ops_assets.trust.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from ops_assets.checks.rules import Level, Verdict
from ops_assets.checks.scores import AssetScore, Deduction, DimensionScore, score_asset
from ops_assets.checks.trust import (
    AgeLimit,
    AuditedState,
    AuditedTrust,
    Cause,
    Feed,
    Words,
    carried_over,
    check_words,
    judge_trust,
)
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.landing import pack_landing_schema
from ops_assets.publishing.sections import SectionContext
from ops_assets.trust import audited_to_json, read_audited

_TABLES = """
create table snapshot.trust (
    metric varchar primary key, score double, state varchar, since timestamp, reason_en varchar, reason_zh varchar,
    limited_by varchar, facts varchar);
create table snapshot.trust_dimension (metric varchar, dimension varchar, score double, deductions varchar);
"""
# A feed's rhythm is read from its last arrivals. Eight days of a daily feed hold a weekend; more would take in how its
# history was delivered at first, often by the month.
_RHYTHM_ARRIVALS = 8
_RHYTHM_DAYS = 90


@dataclass(frozen=True)
class _Audit:
    """What all metrics are judged from."""

    verdicts: Mapping[str, Sequence[Verdict]]
    consistency: Mapping[str, DimensionScore]
    before: Mapping[str, AuditedTrust]
    figures: Mapping[str, tuple[float | None, date | None]]
    arrived: Mapping[str, Sequence[date]]
    expected: Mapping[str, int]
    newest: Mapping[tuple[str, str], date | None]


class TrustSection:
    """One row a metric in ``trust``, five in ``trust_dimension`` for each metric that something was measured of.

    ``trust.state`` is the state at publication; ``facts`` is what ops_assets.trust judges the state of now from.
    """

    def write(self, context: SectionContext) -> None:
        for statement in _TABLES.split(";"):
            if statement.strip():
                context.db.execute(statement)
        audit = _gather(context)
        trusts, dimensions = [], []
        for name, metric in context.catalog.metrics.items():
            score = _score(context, audit, name)
            audited = _audited(context, audit, metric, score)
            trust = judge_trust(audited, context.now, published_at=context.now)
            since = None if trust.since is None else trust.since.astimezone(UTC).replace(tzinfo=None)
            facts = json.dumps(audited_to_json(audited), ensure_ascii=False)
            trusts.append(
                [name, trust.score, trust.state, since, trust.reason.en, trust.reason.zh, trust.limited_by, facts]
            )
            for dimension in score.dimensions:
                deductions = [
                    {"check": d.check, "asset": d.asset, "points": d.points, "sentence": d.sentence}
                    for d in dimension.deductions
                ]
                dimensions.append(
                    [name, dimension.dimension, dimension.score, json.dumps(deductions, ensure_ascii=False)]
                )
        context.db.executemany("insert into snapshot.trust values (?, ?, ?, ?, ?, ?, ?, ?)", trusts)
        if dimensions:
            context.db.executemany("insert into snapshot.trust_dimension values (?, ?, ?, ?)", dimensions)


def _gather(context: SectionContext) -> _Audit:
    verdicts: dict[str, list[Verdict]] = {}
    for verdict in context.report.verdicts:
        verdicts.setdefault(verdict.rule.asset, []).append(verdict)
    figures = {
        metric: (value, as_of)
        for metric, value, as_of in context.db.execute("select metric, value, as_of from snapshot.metrics").fetchall()
    }
    return _Audit(
        verdicts=verdicts,
        consistency=_consistency(context),
        before=read_audited(
            context.db.execute("select facts from previous.trust").fetchall() if context.previous_has("trust") else []
        ),
        figures=figures,
        arrived=_arrivals(context),
        expected={
            table.identifier: table.expected_within_days
            for table in pack_landing_schema(context.pack).tables
            if table.expected_within_days is not None
        },
        newest={
            (v.rule.asset, v.rule.name): _newest_day(context, v)
            for v in context.report.verdicts
            if v.rule.measure == "age_days"
        },
    )


def _consistency(context: SectionContext) -> dict[str, DimensionScore]:
    """The scores of the reconciliation, where this snapshot has them."""
    found = context.db.execute(
        "select 1 from duckdb_tables() where database_name = 'snapshot' and table_name = 'consistency'"
    ).fetchone()
    if found is None:
        return {}
    rows = context.db.execute("select metric, score, deductions from snapshot.consistency").fetchall()
    return {metric: consistency_score(metric, score, deductions) for metric, score, deductions in rows}


def consistency_score(metric: str, score: float | None, deductions: str | None) -> DimensionScore:
    """A row of ``consistency`` as a dimension. Its deductions are JSON objects with points and a sentence or claim."""
    listed = []
    for entry in json.loads(deductions or "[]"):
        name = str(entry.get("claim", "claims"))
        said = entry.get("sentence") or entry.get("sentence_en") or entry.get("reason") or f"the claim {name} disagrees"
        listed.append(Deduction(name, metric, round(float(entry.get("points", 0)), 1), str(said)))
    return DimensionScore("consistency", None if score is None else float(score), tuple(listed))


def _arrivals(context: SectionContext) -> dict[str, list[date]]:
    """The local days that the batches of each raw table stand for, oldest first, over the rhythm's days."""
    rows = context.db.execute(
        """
        select table_name, unnest([min(source_at), max(source_at)])
        from (select *, max(source_at) over (partition by table_name) as newest from raw.loaded_batch) as batches
        where source_at > newest - to_days(?)
        group by table_name, cast(source_at as date)
        """,
        [_RHYTHM_DAYS],
    ).fetchall()
    days: dict[str, set[date]] = {}
    for table, at in rows:
        days.setdefault(table, set()).add(at.replace(tzinfo=UTC).astimezone(context.pack.zone).date())
    return {table: sorted(found) for table, found in days.items()}


def _feed(table: str, expected: int, days: Sequence[date]) -> Feed:
    gaps = [(after - before).days for before, after in pairwise(days[-_RHYTHM_ARRIVALS:])]
    return Feed(table, expected, days[-1] if days else None, max(gaps, default=1))


def _newest_day(context: SectionContext, verdict: Verdict) -> date | None:
    """The day of the newest row that an age check saw: the audit measured back from its as-of date."""
    if verdict.observed is None:
        return None
    return context.report.as_of - timedelta(days=int(verdict.observed))


def _score(context: SectionContext, audit: _Audit, metric: str) -> AssetScore:
    if not context.project.has(metric) or context.states[metric] == "unavailable":
        return AssetScore(metric, None, (), None)
    return score_asset(
        metric,
        verdicts=audit.verdicts,
        broken={asset: context.report.reasons[asset] for asset in context.report.broken},
        consistency=audit.consistency,
        upstream=context.project.upstream,
    )


def _audited(context: SectionContext, audit: _Audit, metric: MetricDefinition, score: AssetScore) -> AuditedTrust:
    name = metric.name
    value, good_as_of = audit.figures[name]
    state, causes = _state(context, audit, name, value)
    before = audit.before.get(name)
    causes = carried_over(context.now, causes, before.causes if before is not None else ())
    below = context.project.upstream.get(name, frozenset()) | {name}
    sources = context.project.sources.get(name, frozenset())
    return AuditedTrust(
        metric=name,
        state=state,
        score=score.score,
        since=_since(context.now, state, causes, before),
        causes=causes,
        limited_by=score.limited_by,
        good_as_of=good_as_of,
        as_of=context.as_of(metric),
        by_clock=metric.as_of == "clock" or context.pack.as_of == "clock",
        zone=context.pack.time_zone,
        feeds=tuple(
            _feed(table, audit.expected[table], audit.arrived.get(table, ()))
            for table in sorted(sources)
            if table in audit.expected
        ),
        ages=tuple(
            AgeLimit(v.rule.name, v.rule.asset, int(allowed), audit.newest[v.rule.asset, v.rule.name])
            for asset in sorted(below)
            for v in audit.verdicts.get(asset, ())
            if v.rule.measure == "age_days"
            and (allowed := v.rule.red_above if v.rule.warn_above is None else v.rule.warn_above) is not None
        ),
    )


def _state(
    context: SectionContext, audit: _Audit, metric: str, value: float | None
) -> tuple[AuditedState, tuple[Cause, ...]]:
    """The audit's state and its causes, all beginning now."""
    report, now = context.report, context.now
    state = context.states[metric]
    if state == "unavailable":
        missing = ", ".join(context.catalog.missing(metric, context.pack.entities)) or "a model that it stands on"
        words = Words(f"it needs {missing}, which this pack does not feed.", f"当前数据包不提供：{missing}。")
        return "unavailable", (Cause("unavailable", words, now),)
    held_by = sorted(report.held.get(metric, frozenset()))
    if state in {"held", "none_good"} and metric in report.unapproved:
        return "held", (Cause("definition", report.unapproved[metric], now),)
    if state in {"held", "none_good"}:
        return "held", tuple(cause for asset in held_by for cause in _red_causes(context, audit, asset))
    if value is None:
        words = Words("no row lies in its window, so there is no figure.", "统计窗口内没有数据行，因此没有数值。")
        return "unavailable", (Cause("no_rows", words, now),)
    causes = []
    if held_by:
        names = ", ".join(held_by)
        words = Words(f"its owner released it in spite of {names}.", f"负责人已放行，尽管 {names} 未通过检查。")
        causes.append(Cause(f"released/{names}", words, now))
    for verdict in report.warnings_of(metric, context.project.upstream.get(metric, frozenset())):
        # How old a figure is changes from day to day, so it is judged when the figure is read, not here.
        if verdict.rule.measure != "age_days" or verdict.observed is None:
            causes.append(_cause(verdict, now))
    return ("degraded" if causes else "trusted"), tuple(causes)


def _red_causes(context: SectionContext, audit: _Audit, asset: str) -> list[Cause]:
    if asset in context.report.broken:
        said = context.report.reasons[asset]
        return [Cause(f"broken/{asset}", Words(f"{asset}: {said}", f"{asset} 未能构建：{said}"), context.now)]
    return [_cause(v, context.now) for v in audit.verdicts.get(asset, ()) if v.level is Level.RED]


def _cause(verdict: Verdict, now: datetime) -> Cause:
    return Cause(f"{verdict.level}/{verdict.rule.asset}.{verdict.rule.name}", check_words(verdict), now)


def _since(now: datetime, state: AuditedState, causes: Sequence[Cause], before: AuditedTrust | None) -> datetime:
    """Since the first of the lasting causes; without a cause, since the state is what it is."""
    if causes:
        return min(cause.since for cause in causes)
    return before.since if before is not None and before.state == state else now
