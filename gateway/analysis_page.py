"""The page ``/cases/analysis``: how a process runs, from governed metrics of the published snapshot, in two periods.

Belongs here: choosing the period, putting figures into words, and the graph's form. Reading is analysis_figures,
arithmetic over visits is analysis_flow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from gateway import analysis_flow as flow
from gateway.analysis_figures import MOST_VISITS, SHOWN, VISITS, Compared, Figures, Period, Rows
from gateway.case_words import CaseWords
from gateway.context import context_of, require_reader
from gateway.figure_words import change_words
from gateway.governed_cases import GovernedCases
from gateway.metric_lines import Reading
from gateway.pages import page
from gateway.problems import Problem
from gateway.tokens import READ
from gateway.words import chosen as chosen_words
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.template import Template

router = APIRouter(include_in_schema=False)
PERIODS = (30, 90, 180, 365)
Short = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class FigureLine:
    """One metric in both periods, in words. ``verdict`` is better, worse, same, changed or ""."""

    metric: str
    label: str
    now: str
    before: str
    change: str
    verdict: str
    note: str


@dataclass(frozen=True)
class StepTimes:
    """One step in one period, in words. ``share`` is the percentage of its time in which it waited."""

    visits: int
    percentiles: tuple[str, ...]
    waiting: str
    in_hand: str
    share: int
    again: int


@dataclass(frozen=True)
class StepLine:
    """One step in both periods; None for one in which it was not done."""

    title: str
    now: StepTimes | None
    before: StepTimes | None


@dataclass(frozen=True)
class LoopLine:
    """Returns from a step to an earlier one in both periods: how often, and in how many cases.

    ``under_way`` is how many of those now led to a step that is not done again yet.
    """

    title: str
    to: str
    count: int
    cases: int
    count_before: int
    cases_before: int
    under_way: int


@router.get("/cases/analysis")
def analysis(
    request: Request,
    template: Short = "",
    department: Short = "",
    days: Annotated[int, Query(alias="period")] = 90,
    drawn: Annotated[Literal["now", "before"], Query(alias="map")] = "now",
) -> Response:
    """How the cases of one template ran in a period, against the period before; ``map`` says of which it is drawn."""
    require_reader(request, READ)
    if days not in PERIODS:
        raise Problem(422, f"`period` is one of {', '.join(map(str, PERIODS))} days, not {days}.")
    context = context_of(request)
    snapshot = context.snapshots.current()
    if snapshot is None:
        return page(request, "nothing_published.html", status=503)
    reading = Reading(request, snapshot)
    refused = reading.figures.refusal(reading.reader, VISITS, reading.language)
    figures = Figures(reading)
    as_of = None if refused else figures.as_of
    if as_of is None:
        return page(request, "analysis.html", told=None, refused=refused or "", asked={"period": days}, periods=PERIODS)
    period = Period(as_of, days)
    known = figures.templates(Period(as_of, 2 * days)) or figures.templates(Period(as_of, 3650))
    if template and template not in {one for one, _ in known}:
        raise Problem(
            404, f"No case of a template {template[:60]!r} was worked on; {', '.join(n for n, _ in known)} were."
        )
    chosen = template or known[0][0]
    words = CaseWords(context, GovernedCases(context, reading.reader), reading.language)
    told = _Told(reading, words, context.service.templates_used().get(chosen), figures.visits(period, chosen), period)
    breaches = figures.breaches(period, chosen)
    if department and department not in {one[0] for one in breaches} | told.departments:
        raise Problem(404, f"The department {department[:60]!r} had no part in these cases.")
    named = {one[0]: one[1] for one in breaches}
    compared = [figures.compared(name, period, chosen, department) for name in SHOWN]
    asked = {"template": chosen, "department": department, "period": days, "map": drawn}
    return page(
        request,
        "analysis.html",
        refused="",
        asked=asked,
        maps={one: f"/cases/analysis?{urlencode(asked | {'map': one})}#map" for one in ("now", "before")},
        periods=PERIODS,
        templates=[(one, told.template_title(one, context.service.templates_used())) for one, _ in known],
        departments=sorted((named.get(one, one), one) for one in {*named, *told.departments} if one),
        department_name=named.get(department, department),
        period=period,
        as_of=as_of,
        snapshot=snapshot.id,
        figures=[told.figure(one, department) for one in compared if one is not None],
        breaches=[(label, *now, *before, told.share(now), told.share(before)) for _, label, now, before in breaches],
        told=told,
        steps=told.steps(department),
        graph=told.graph(drawn),
        named=told.names,
        loops=told.loops(),
        most=MOST_VISITS,
    )  # fmt: skip


class _Told:
    """Visits of one template in the reader's words."""

    def __init__(
        self, reading: Reading, words: CaseWords, template: Template | None, rows: Rows, period: Period
    ) -> None:
        self._reading, self._words, self._template = reading, words, template
        self._rows, self._period = rows, period
        self.cut, self.by_own_departments = rows.cut, rows.by_own_departments
        self.departments = {department for _, department, _ in rows.visits if department}
        self.names = {visit.step_id: self._title(visit.step_id) for _, _, visit in rows.visits}

    def _in(self, period: Period, department: str = "") -> list[flow.Visit]:
        return [
            visit
            for day, own, visit in self._rows.visits
            if period.first <= day <= period.last and (not department or own == department)
        ]

    def template_title(self, template_id: str, templates: Mapping[str, Template]) -> str:
        known = templates.get(template_id)
        return self._words.say(known.title) if known is not None else template_id.replace("_", " ")

    def figure(self, one: Compared, department: str) -> FigureLine:
        shown = [
            self._reading.shown(one.metric, value) if value is not None else "–" for value in (one.now, one.before)
        ]
        change = one.change
        note = self._words.t("analysis_all_departments") if department and not one.by_department else ""
        return FigureLine(
            metric=one.metric.name,
            label=chosen_words(self._reading.language, one.metric.label),
            now=shown[0],
            before=shown[1],
            change=change_words(self._reading.language, one.metric, change) if change else "",
            verdict=change.verdict if change else "",
            note=note or (self._words.t("analysis_no_rows") if one.now is None else ""),
        )

    def steps(self, department: str) -> list[StepLine]:
        """Every step of either period, those that took most time in all first."""
        now, before = (
            {one.step_id: one for one in flow.step_figures(self._in(period, department))}
            for period in (self._period, self._period.before)
        )
        return [StepLine(self._title(step), *self._times(step, now, before)) for step in {**now, **before}]

    def _times(self, step_id: str, *periods: Mapping[str, flow.StepFigures]) -> Iterator[StepTimes | None]:
        for known in periods:
            one = known.get(step_id)
            total = one.waiting + one.in_hand if one is not None else 0
            yield (
                None
                if one is None
                else StepTimes(
                    visits=one.visits,
                    percentiles=tuple(self._span(value) for value in one.percentiles),
                    waiting=self._span(one.waiting),
                    in_hand=self._span(one.in_hand),
                    share=round(100 * one.waiting / total) if total else 0,
                    again=one.again,
                )
            )

    def graph(self, drawn: str) -> dict[str, Any]:
        """The directly-follows map of one period in the form that graph.js draws.

        Steps and edges carry their count and a median time; on the map of now also their count in the period before.
        """
        now, before = (flow.flow_map(self._in(one)) for one in (self._period, self._period.before))
        found = now if drawn == "now" else before
        done = {step: count for step, count, _ in before.nodes}
        followed = {(edge.before, edge.after): edge.count for edge in before.edges}
        most = max((edge.count for edge in found.edges), default=1)
        order = [] if self._template is None else [step.id for step in layout_of(self._template).steps()]
        # Unknown steps, of an older version, come last.
        nodes = sorted(found.nodes, key=lambda one: (order.index(one[0]) if one[0] in order else len(order), one[0]))

        def said(key: str, was: int, **values: object) -> str:
            return self._words.t(f"{key}_was" if drawn == "now" else key, was=was, **values)

        return {
            "cases": found.cases,
            "ordered": bool(order),
            "nodes": [
                {"id": step, "label": self._title(step),
                 "kind": said("analysis_node", done.get(step, 0), count=count, span=self._span(median))}
                for step, count, median in nodes
            ],
            "edges": [
                [edge.before, edge.after,
                 {"label": said("analysis_edge", followed.get((edge.before, edge.after), 0), count=edge.count,
                                span=self._span(edge.median_waiting)),
                  "width": round(1 + 3 * edge.count / most, 2), "back": edge.back * 2 > edge.count}]
                for edge in found.edges
            ],
        }  # fmt: skip

    def loops(self) -> list[LoopLine]:
        """Every loop of either period, those that are most frequent now first."""
        now, before = (
            {(one.before, one.to): one for one in flow.loops(self._in(period))}
            for period in (self._period, self._period.before)
        )
        none = flow.Loop("", "", 0, 0)
        lines = []
        for pair in {**now, **before}:
            one, was = now.get(pair, none), before.get(pair, none)
            title, to = map(self._title, pair)
            lines.append(LoopLine(title, to, one.count, one.cases, was.count, was.cases, one.under_way))
        return lines

    def share(self, counted: tuple[int, int]) -> str:
        """A share of tasks in words; a dash for none."""
        missed, tasks = counted
        return f"{100 * missed / tasks:.0f} %" if tasks else "–"

    def _title(self, step_id: str) -> str:
        return self._words.step(self._template, step_id)

    def _span(self, minutes: float) -> str:
        return self._words.working(timedelta(minutes=round(minutes)))
