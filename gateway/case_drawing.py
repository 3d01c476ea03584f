"""A case's process as a graph with its state on it, in the form that graph.js draws.

Nodes are the steps of the template version that the case pins, a gate at each fork, join and decision table, and an
end. A step that lies before one that was entered again is drawn as still to come: its last visit belongs to the
earlier round. An outcome that returns is an edge back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.case_words import CaseWords
from workflow_jobs.engine.layout import node_of
from workflow_jobs.engine.state import CaseState, StepState
from workflow_jobs.engine.template import Decision, Fork, HumanStep, Node, Rule, Step, Template
from workflow_jobs.template_words import rule_words

_GOING_ON = ("active", "failed")
_LONGEST = 48


def drawing(state: CaseState, template: Template, words: CaseWords, now: datetime) -> dict[str, Any]:
    """``{"nodes": [...], "edges": [[from, to, said?], ...], "ordered": True}``, nodes in the order of the template.

    A node's state is done, current, overdue, skipped or absent; ``said`` has a label, and back for a return.
    """
    walk = _Walk(state, words, now)
    ends = walk.sequence(template.steps, (), ())
    walk.node("end:", words.t("graph_end"), walk.end_words(template), ends, walk.end_state())
    drawn = {str(node["id"]) for node in walk.nodes}
    for step, target, said in walk.returns:
        to = next((one for one in (target, f"fork:{target}", f"rule:{target}") if one in drawn), target)
        walk.edges.append([step, to, {"label": said, "back": True}])
    return {"nodes": walk.nodes, "edges": walk.edges, "ordered": True}


@dataclass
class _Walk:
    case: CaseState
    words: CaseWords
    now: datetime
    nodes: list[dict[str, Any]] = field(default_factory=list)
    edges: list[list[Any]] = field(default_factory=list)
    # What an edge out of a gate says: the rule that leads there.
    labels: dict[str, str] = field(default_factory=dict)
    returns: list[tuple[str, str, str]] = field(default_factory=list)

    def node(
        self, node_id: str, label: str, kind: str, before: Sequence[str], state: str, **more: str
    ) -> dict[str, Any]:
        made = {"id": node_id, "label": label, "kind": kind, **more} | ({"state": state} if state else {})
        self.nodes.append(made)
        for one in before:
            said = self.labels.get(one)
            self.edges.append([self._origin(one), node_id, {"label": said}] if said else [one, node_id])
        return made

    def sequence(self, nodes: Sequence[Node], before: tuple[str, ...], earlier: tuple[str, ...]) -> tuple[str, ...]:
        """Draw a sequence after ``before``; ``earlier`` are the ids of all steps that come before it."""
        for entry in nodes:
            node = node_of(entry)
            if isinstance(node, Fork):
                before, inside = self._fork(node, before, earlier)
                earlier = (*earlier, *inside)
            elif isinstance(node, Decision):
                before, inside = self._decision(node, before, earlier)
                earlier = (*earlier, *inside)
            else:
                self._step(node, before, earlier)
                before, earlier = (node.id,), (*earlier, node.id)
        return before

    def _step(self, step: Step, before: Sequence[str], earlier: tuple[str, ...]) -> None:
        state = self._state(step.id, earlier)
        child = self._visit(step.id, earlier)
        more = {"href": f"/cases/{child.child_case_id}"} if child is not None and child.child_case_id else {}
        self.node(step.id, self.words.say(step.title) or step.id, self._kind(step, state), before, state, **more)
        for outcome in step.outcomes if isinstance(step, HumanStep) else ():
            if outcome.returns_to is not None:
                self.returns.append((step.id, outcome.returns_to, self.words.say(outcome.title)))

    def _fork(self, fork: Fork, before: tuple[str, ...], earlier: tuple[str, ...]) -> tuple[tuple[str, ...], list[str]]:
        state = self._state(fork.id, earlier)
        opening, closing = f"fork:{fork.id}", f"join:{fork.id}"
        title = self.words.say(fork.title) or self.words.t("graph_fork")
        self.node(opening, title, self.words.t("graph_branches", count=len(fork.branches)), before, _entered(state))
        first = len(self.nodes)
        ends: list[str] = []
        for branch in fork.branches:
            ends += self.sequence(branch, (opening,), earlier)
        inside = [one["id"] for one in self.nodes[first:]]
        join = self.words.t(f"graph_join_{fork.join}" if isinstance(fork.join, str) else "graph_join_some",
                            needed=fork.needed, count=len(fork.branches))  # fmt: skip
        self.node(closing, self.words.t("graph_join"), join, ends, state)
        return (closing,), [fork.id, *inside]

    def _decision(
        self, table: Decision, before: tuple[str, ...], earlier: tuple[str, ...]
    ) -> tuple[tuple[str, ...], list[str]]:
        """A gate with an edge for each rule. A rule without steps leads on at once."""
        state, visit = self._state(table.id, earlier), self._visit(table.id, earlier)
        opening = f"rule:{table.id}"
        held = [rule for rule in table.rules if visit is not None and rule.id in visit.rules]
        taken = ", ".join(rule_words(rule, self.words.language) for rule in held)
        kind = taken or self.words.t("graph_rules", count=len(table.rules))
        self.node(opening, self.words.say(table.title) or table.id, kind[:_LONGEST], before, _entered(state))
        first = len(self.nodes)
        ends: list[str] = []
        for rule in table.rules:
            # A way of its own out of the gate, so that its edge can say the rule.
            way = f"{opening}\n{rule.id}"
            self.labels[way] = rule_words(rule, self.words.language)
            ends += self.sequence(rule.steps, (way,), earlier)
            self._not_taken(rule, visit)
        return tuple(dict.fromkeys(ends)), [table.id, *(one["id"] for one in self.nodes[first:])]

    def _not_taken(self, rule: Rule, visit: StepState | None) -> None:
        """Steps of a rule that did not hold are not needed."""
        if visit is None or not visit.rules or rule.id in visit.rules:
            return
        inside = {node_of(entry).id for entry in rule.steps}
        for node in self.nodes:
            if node["id"].split(":")[-1] in inside and "state" not in node:
                node |= {"state": "skipped", "kind": self.words.t("graph_skipped")}

    @staticmethod
    def _origin(before: str) -> str:
        return before.partition("\n")[0]

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
        if step is None or step.status == "undone":
            return None
        before = [self.case.steps[one] for one in earlier if one in self.case.steps]
        return None if any(one.entered_at > step.entered_at for one in before) else step

    def _kind(self, step: Step, state: str) -> str:
        """The state in words, with who it waits for or how it was decided."""
        said = self.words.t(f"graph_{state or 'ahead'}")
        more = self._who(step, state)
        return f"{said}: {more}"[:_LONGEST] if more else said

    def _who(self, step: Step, state: str) -> str:
        words, visit = self.words, self.case.steps.get(step.id)
        waiting = [task for task in self.case.open_tasks if task.step_id == step.id]
        if (
            isinstance(step, HumanStep)
            and step.vote is not None
            and visit is not None
            and state in ("current", "overdue")
        ):
            return words.t("graph_votes", approvals=visit.approvals, rejections=visit.rejections, open=len(waiting))
        if waiting:
            return ", ".join(words.person(task.assignee) or words.role(task.role) for task in waiting)
        if step.kind == "wait":
            until = visit.wake_at if visit is not None and state == "current" else None
            if visit is None or until is None:
                return ""
            return words.certain(words.t("graph_until", until=words.instant(until)), visit.calendar_confirmed)
        if step.kind == "process":
            return visit.child_case_id or "" if visit is not None and state else ""
        decided = [task for task in self.case.tasks.values() if task.step_id == step.id and task.decided_by]
        return words.person(decided[-1].decided_by) if state == "done" and decided else ""

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


def _entered(state: str) -> str:
    """A gate is behind the case as soon as it was reached."""
    return "" if state == "" else state if state == "skipped" else "done"
