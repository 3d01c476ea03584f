"""Refusals that several commands make alike, in both languages. What a single rule refuses is said beside that rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from workflow_jobs.engine.parts import Text
from workflow_jobs.engine.question import question_of
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import Template
from workflow_jobs.engine.tier_changes import asked_instead

REASON: Final = Text(en="Reason", zh="理由")
_STATUS: Final = {
    "open": "处理中",
    "watching_effect": "已关闭，正在观察效果",
    "effective": "已关闭，措施有效",
    "ineffective": "已关闭，措施无效",
    "closed": "已关闭",
    "cancelled": "已取消",
}


def status_zh(state: CaseState) -> str:
    """The status of a case in Chinese."""
    return _STATUS.get(state.status, state.status)


def missing(field: str, title: Text) -> Refused:
    """A modal's own field is empty."""
    return Refused("form_incomplete", f"Please fill in: {title.en}.", f"请填写：{title.zh}。", fields=(field,))


def case_over(state: CaseState) -> Refused:
    """The case takes no more work."""
    return Refused(
        "case_closed", f"The case {state.case_id} is {state.status}.", f"事件单 {state.case_id} {status_zh(state)}。"
    )


def decided_already(template: Template, task: TaskState, name: Callable[[str], str], reader: str | None) -> Refused:
    """Somebody, perhaps the `reader` himself, decided the task before, or the process did when nobody had in time."""
    outcome = question_of(template, task).outcome(task.outcome or "")
    chosen = task.outcome if outcome is None else outcome.title.zh
    if not task.decided_by:
        sentence = f"Nobody decided this in time, and the process took: {task.outcome}."
        return Refused("already_decided", sentence, f"无人及时处理，流程已默认选择：{chosen}。")
    who = name(task.decided_by)
    who, who_zh = ("You", "您") if task.decided_by == reader else (who, f"{who} ")
    return Refused("already_decided", f"{who} decided this already: {task.outcome}.", f"{who_zh}已作出决定：{chosen}。")


def task_withdrawn(state: CaseState, task: TaskState) -> Refused:
    """The task was withdrawn with its case or its step, or another tier is asked instead."""
    role = asked_instead(task.withdrawn_because)
    if role is not None:
        return Refused(
            "task_closed",
            f"This task was withdrawn: the case has changed, and it takes the role {role} now.",
            f"该任务已撤回：事件单内容已变化，现须由角色 {role} 审批。",
        )
    return Refused(
        "task_closed",
        f"This task was withdrawn; the case is {state.status}.",
        f"该任务已撤回；事件单状态：{status_zh(state)}。",
    )


def stale_task() -> Refused:
    """The card was drawn before the task changed."""
    return Refused(
        "stale_task",
        "This task has changed since the card was drawn. Please use the latest card.",
        "任务在卡片生成后已变更，请使用最新卡片。",
    )


def no_such_task() -> Refused:
    """The case has no task of this id."""
    return Refused("unknown_task", "This case has no such task.", "该事件单没有此任务。")
