"""What a task asks: title, choices and form. A step's own question, or the one asked when its job has failed, or when
the other case that it waits for cannot be opened.

Cards, pages and `decide` all read it here, so that a button never offers what the engine would not take.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.parts import FormField, Outcome, Text
from workflow_jobs.engine.state import TaskState
from workflow_jobs.engine.template import HumanStep, ProcessStep, Template

RETRY: Final = "retry"
DONE_BY_HAND: Final = "done_by_hand"


@dataclass(frozen=True, slots=True)
class Question:
    """A task as a person sees it."""

    title: Text
    description: Text | None
    outcomes: tuple[Outcome, ...]
    form: tuple[FormField, ...]

    def outcome(self, outcome_id: str) -> Outcome | None:
        """The outcome with this id."""
        return next((o for o in self.outcomes if o.id == outcome_id), None)


def question_of(template: Template, task: TaskState) -> Question:
    """The question that the task puts."""
    step = layout_of(template).places[task.step_id].node
    if task.purpose == "decide" and isinstance(step, HumanStep):
        return Question(step.title, step.description, step.outcomes, step.form)
    title = step.title or Text(en=step.id, zh=step.id)
    if isinstance(step, ProcessStep):
        return Question(
            Text(en=f"{title.en}: the other process cannot be opened", zh=f"{title.zh}：无法发起另一流程"),
            Text(
                en="The other process cannot be opened. Mend what is said below and try again, or do its work by hand "
                "and say so: the case then goes on without what it would have brought.",
                zh="无法发起另一流程。请按下方说明处理后重试，或手工完成后确认：事件单将继续，但不带回其结果字段。",
            ),
            *_rescue(),
        )
    return Question(
        Text(en=f"{title.en}: the job failed", zh=f"{title.zh}：作业失败"),
        Text(
            en="The job failed and is not tried again by itself. Try again, or do the work by hand and say so.",
            zh="作业失败，系统不再自动重试。请重试，或手工完成后确认。",
        ),
        *_rescue(),
    )


@cache
def _rescue() -> tuple[tuple[Outcome, ...], tuple[FormField, ...]]:
    outcomes = (
        Outcome(id=RETRY, title=Text(en="Try again", zh="重试"), style="primary"),
        Outcome(id=DONE_BY_HAND, title=Text(en="Done by hand", zh="已手工完成")),
    )
    what = FormField(
        name="comment",
        type="text",
        title=Text(en="What was done", zh="处理说明"),
        required=(DONE_BY_HAND,),
        max_length=2000,
    )
    return outcomes, (what,)
