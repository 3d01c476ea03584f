"""A case's process as a graph with its state on it, in the form that graph.js draws.

Nodes are the steps of the template version that the case pins, and a gate at each fork and join. A step that lies
before one that was entered again is drawn as still to come: its last visit belongs to the earlier round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.case_words import CaseWords
from workflow_jobs.engine.layout import node_of
from workflow_jobs.engine.state import CaseState, StepState
from workflow_jobs.engine.template import Fork, Node, Template

_GOING_ON = ("active", "failed")


def drawing(state: CaseState, template: Template, words: CaseWords, now: datetime) -> dict[str, Any]:
    """``{"nodes": [...], "edges": [[from, to], ...]}``. A node's state is done, current, overdue, skipped or absent."""
    walk = _Walk(state, words, now)
    ends = walk.sequence(template.steps, (), ())
    walk.node("end:", words.t("graph_end"), walk.end_words(template), ends, walk.end_state())
    return {"nodes": walk.nodes, "edges": walk.edges}


@dataclass
class _Walk:
    case: CaseState
    words: CaseWords
    now: datetime
    nodes: list[dict[str, Any]] = field(default_factory=list)
    edges: list[list[str]] = field(default_factory=list)

    def node(self, node_id: str, label: str, kind: str, before: Sequence[str], state: str) -> None:
        self.nodes.append({"id": node_id, "label": label, "kind": kind} | ({"state": state} if state else {}))
        self.edges += [[one, node_id] for one in before]

    def sequence(self, nodes: Sequence[Node], before: tuple[str, ...], earlier: tuple[str, ...]) -> tuple[str, ...]:
        """Draw a sequence after ``before``; ``earlier`` are the ids of all steps that come before it."""
        for entry in nodes:
            node = node_of(entry)
            if isinstance(node, Fork):
                before, inside = self._fork(node, before, earlier)
                earlier = (*earlier, *inside)
                continue
            state = self._state(node.id, earlier)
            title = self.words.say(node.title) or node.id
            self.node(node.id, title, self._kind(node.id, state), before, state)
            before, earlier = (node.id,), (*earlier, node.id)
        return before

    def _fork(self, fork: Fork, before: tuple[str, ...], earlier: tuple[str, ...]) -> tuple[tuple[str, ...], list[str]]:
        state = self._state(fork.id, earlier)
        entered = "" if state in ("", "skipped") else "done"
        opening, closing = f"fork:{fork.id}", f"join:{fork.id}"
        title = self.words.say(fork.title) or self.words.t("graph_fork")
        self.node(opening, title, self.words.t("graph_branches", count=len(fork.branches)), before, entered or state)
        first = len(self.nodes)
        ends: list[str] = []
        for branch in fork.branches:
            ends += self.sequence(branch, (opening,), earlier)
        inside = [one["id"] for one in self.nodes[first:]]
        join = fork.join if isinstance(fork.join, str) else "some"
        self.node(closing, self.words.t("graph_join"), self.words.t(f"graph_join_{join}"), ends, state)
        return (closing,), [fork.id, *inside]

    def _state(self, step_id: str, earlier: tuple[str, ...]) -> str:
        step = self._visit(step_id, earlier)
        if step is None:
            return "" if self.case.is_open else "skipped"
        if step.status == "completed":
            return "done"
        if step.status not in _GOING_ON:
            return "skipped"
        late = any(task.step_id == step_id and task.due_at < self.now for task in self.case.open_tasks)
        return "overdue" if late else "current"

    def _visit(self, step_id: str, earlier: tuple[str, ...]) -> StepState | None:
        """The step's visit of this round; None where it was not reached in it."""
        step = self.case.steps.get(step_id)
        if step is None:
            return None
        before = [self.case.steps[one] for one in earlier if one in self.case.steps]
        return None if any(one.entered_at > step.entered_at for one in before) else step

    def _kind(self, step_id: str, state: str) -> str:
        """The state in words, with who it waits for or how it was decided."""
        waiting = [task for task in self.case.open_tasks if task.step_id == step_id]
        if waiting:
            who = ", ".join(self.words.person(task.assignee) or self.words.role(task.role) for task in waiting)
        else:
            who = ""
            decided = [task for task in self.case.tasks.values() if task.step_id == step_id and task.decided_by]
            if state == "done" and decided:
                who = self.words.person(decided[-1].decided_by)
        said = self.words.t(f"graph_{state or 'ahead'}")
        return f"{said}: {who}"[:48] if who else said

    def end_state(self) -> str:
        if self.case.is_open:
            return "current" if self.case.awaiting_resolution and not self.case.open_tasks else ""
        return "current" if self.case.status == "watching_effect" else "done"

    def end_words(self, template: Template) -> str:
        if not self.case.is_open:
            return self.words.t(f"case_status_{self.case.status}")
        if template.closes == "on_resolution":
            return self.words.t("graph_when_resolved")
        return self.words.t("graph_effect" if template.effect is not None else "graph_ahead")
