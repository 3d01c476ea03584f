"""What stands in cases, in the reader's words: people, steps, roles, subjects, outcomes, form values, figures.

Belongs here: single values. What a reader may see of them is decided in governed_cases; sentences about events are
case_timeline's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from gateway.context import GatewayContext
from gateway.governed_cases import GovernedCases
from gateway.words import Language, text
from workflow_jobs.engine.conditions import declared_fields
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.parts import FormField, Text
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import Decision, HumanStep, Template
from workflow_jobs.engine.working_time import WorkingCalendar
from workflow_jobs.slack.case_lines import ending
from workflow_jobs.slack.log_words import engine_words, missed_effect
from workflow_jobs.slack.wording import CardContext
from workflow_jobs.template_words import rule_words


class CaseWords:
    """Words for one reader in one language."""

    def __init__(self, context: GatewayContext, governed: GovernedCases, language: Language) -> None:
        self._context, self._governed, self.language = context, governed, language
        self._figures: dict[str, CardContext] = {}
        # Names of the files that the case at hand has, by id.
        self.files: Mapping[str, str] = {}

    @cached_property
    def calendar(self) -> WorkingCalendar:
        return self._context.service.calendar()

    def calendar_of(self, task: TaskState) -> WorkingCalendar:
        """The calendar by which the task's clock runs."""
        return self._context.service.calendar(task.calendar)

    def t(self, key: str, **values: object) -> str:
        """The page's own words; a key without words comes back as words made of it."""
        words = text(self.language, key, **values)
        return key.partition("_")[2].replace("_", " ") if words == key else words

    def say(self, entry: Text | None) -> str:
        """A template's text."""
        return "" if entry is None else entry.get(self.language)

    def step(self, template: Template | None, step_id: str) -> str:
        """A step's title; its id, as words, where the template has none (any more)."""
        place = layout_of(template).places.get(step_id) if template is not None else None
        return self.say(getattr(place.node, "title", None) if place else None) or step_id.replace("_", " ")

    def rules(self, template: Template | None, step_id: str, rule_ids: Sequence[str]) -> list[str]:
        """The lines of a decision table that held; one that the template has no more, by its id as words."""
        place = layout_of(template).places.get(step_id) if template is not None else None
        table = place.node.rules if place is not None and isinstance(place.node, Decision) else ()
        known = {rule.id: rule_words(rule, self.language) for rule in table}
        return [known.get(one, one.replace("_", " ")) for one in rule_ids]

    def outcome(self, template: Template | None, step_id: str, outcome: str | None) -> str:
        """The words on a button."""
        place = layout_of(template).places.get(step_id) if template is not None else None
        if outcome and place is not None and isinstance(place.node, HumanStep):
            found = place.node.outcome(outcome)
            if found is not None:
                return self.say(found.title)
        return self.ending(outcome)

    def pause(self, template: Template | None, step_id: str, reason_id: str) -> str:
        """The title of a stated reason to let a clock rest; "" where the template states none by that name."""
        place = layout_of(template).places.get(step_id) if template is not None and reason_id else None
        stated = place.node.actions.pauses if place is not None and isinstance(place.node, HumanStep) else ()
        return next((self.say(one.title) for one in stated if one.id == reason_id), "")

    def ending(self, outcome: str | None, template: Template | None = None) -> str:
        """How a case or a job ended; an end that only its template knows, by the button that ends a case so."""
        if not outcome:
            return ""
        key = f"case_ended_{outcome}"
        if template is None or text(self.language, key) != key:
            return self.t(key)
        return ending(outcome, template, self._figure(""))

    def person(self, person_id: str | None) -> str:
        """A name, or what the reader sees instead; "" for nobody."""
        return self._governed.named(person_id)

    def role(self, role: str) -> str:
        words = text(self.language, f"role_{role}")
        return role.replace("_", " ").capitalize() if words == f"role_{role}" else words

    def subject(self, state: CaseState) -> str:
        """What the case is about: its subject as the reader may see it, else its metric, else its rule."""
        label = state.subject_label or state.subject_id
        seen = self._governed.subject(state.metric, state.subject_kind, label) if label else ""
        return seen or (self.metric(state.metric) if state.metric else state.rule_id)

    def kind(self, kind: str) -> str:
        """A kind of subject, such as supplier."""
        words = text(self.language, f"dimension_{kind}")
        return kind.replace("_", " ") if words == f"dimension_{kind}" else words

    def metric(self, metric: str) -> str:
        return self._figure(metric).metric_label(metric)

    def figure(self, metric: str, raw: str | None) -> str:
        """A raw figure of the metric (exact decimal text; a ratio for percent)."""
        return self._figure(metric).value(raw)

    def engine(self, written: str) -> str:
        """A reason or an error that the engine wrote itself."""
        return engine_words(written, self._figure(""))

    def missed_effect(self, state: CaseState, template: Template | None, observed: str) -> str:
        """Why a case counts as not having worked, with its figures."""
        return missed_effect(state, template, observed, self._figure(state.metric))

    def instant(self, at: datetime, form: str = "%Y-%m-%d %H:%M") -> str:
        return f"{at.astimezone(ZoneInfo(self._context.pack.time_zone)):{form}}"

    def due(self, task: TaskState) -> str:
        """When a task is due, and whether that may move because the working calendar is not published so far."""
        return self.certain(self.instant(task.due_at), task.calendar_confirmed)

    def certain(self, said: str, confirmed: bool) -> str:
        """A time in words, with the note that it may move where the calendar by which it goes is not published."""
        return said if confirmed else f"{said}, {self.t('may_move')}"

    def working(self, span: timedelta, calendar: WorkingCalendar | None = None) -> str:
        """Working time in days of the calendar (the company's, where none is given), hours and minutes; the two largest
        of them.
        """
        return self._span(span, (calendar or self.calendar).day_length)

    def elapsed(self, span: timedelta) -> str:
        """Time by the clock on the wall, in days of 24 hours, hours and minutes; the two largest of them."""
        return self._span(span, timedelta(days=1))

    def _span(self, span: timedelta, day: timedelta) -> str:
        days, rest = divmod(abs(span), day)
        hours, minutes = divmod(int(rest.total_seconds()) // 60, 60)
        parts = [(days, "span_days"), (hours, "span_hours"), (minutes, "span_minutes")]
        said = [self.t(key, count=number) for number, key in parts if number][:2]
        return ("" if self.language == "zh" else " ").join(said) or self.t("span_minutes", count=0)

    def entries(self, template: Template | None, form: Mapping[str, Any], step_id: str = "") -> list[tuple[str, str]]:
        """What was entered in a form, each with its title and in words."""
        declared = [] if template is None else list(declared_fields(template))
        # The same name may stand in two steps; the step's own field has the words that people read there.
        fields = {field.name: field for _, field in declared} | {f.name: f for step, f in declared if step == step_id}
        return [
            (self._title(fields.get(name), name), self._entry(fields.get(name), value)) for name, value in form.items()
        ]

    def _title(self, field: FormField | None, name: str) -> str:
        if field is not None:
            return self.say(field.title)
        key = f"entry_name_{name}"
        words = text(self.language, key)
        return name.replace("_", " ") if words == key else words

    def _entry(self, field: FormField | None, value: Any) -> str:
        if value is None or value == "":
            return "–"
        if isinstance(value, bool):
            return self.t("entry_yes" if value else "entry_no")
        if field is not None and field.type == "file":
            ids = value if isinstance(value, list | tuple) else [value]
            return ", ".join(self.files.get(str(one), str(one)) for one in ids)
        if isinstance(value, Mapping):
            return ", ".join(f"{key}: {self._entry(None, inner)}" for key, inner in value.items())
        if isinstance(value, list):
            return ", ".join(self._entry(None, inner) for inner in value)
        if field is not None and field.type == "choice":
            return next((self.say(one.title) for one in field.options if one.value == value), str(value))
        if field is not None and field.type == "role":
            return self.role(str(value))
        if field is not None and field.type in ("decimal", "integer"):
            try:
                return f"{Decimal(str(value)):,f}"
            except InvalidOperation:
                return str(value)
        return str(value)

    def _figure(self, metric: str) -> CardContext:
        if metric not in self._figures:
            self._figures[metric] = replace(self._context.service.card_context(metric), language=self.language)
        return self._figures[metric]
