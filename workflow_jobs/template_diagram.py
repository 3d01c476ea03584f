"""A template as a Mermaid flowchart, for documents. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from workflow_jobs.engine.layout import node_of
from workflow_jobs.engine.parts import RoleRef
from workflow_jobs.engine.template import Fork, HumanStep, Node, Step, Template


def mermaid(template: Template, language: str = "en") -> str:
    """The flowchart's text. People's steps are boxes, jobs have double sides, forks and joins are diamonds."""
    chinese = language.startswith("zh")
    chart = _Chart(language, ["flowchart TD", '  start(["●"])'])
    ends = chart.sequence(template.steps, ("start",))
    if template.effect is not None:
        words = f"{'观察效果' if chinese else 'Effect after'} {template.effect.window}"
    elif template.closes == "on_resolution":
        words = "原因消除后关闭" if chinese else "Closed when the cause is gone"
    else:
        words = "结束" if chinese else "End"
    chart.lines.append(f'  finish(["{_quoted(words)}"])')
    chart.arrows(ends, "finish")
    for number, (source, label, ending) in enumerate(chart.endings):
        chart.lines.append(f'  ended{number}(["{_quoted(ending)}"])')
        chart.lines.append(f'  {source} -->|"{_quoted(label)}"| ended{number}')
    return "\n".join(chart.lines) + "\n"


@dataclass
class _Chart:
    """``endings`` are choices that end the case: step, the choice's words, the outcome. Ids get a prefix, so that a
    step named like one of Mermaid's words (end, graph) stays a step.
    """

    language: str
    lines: list[str]
    endings: list[tuple[str, str, str]] = field(default_factory=list)

    def sequence(self, nodes: Sequence[Node], before: tuple[str, ...]) -> tuple[str, ...]:
        for entry in nodes:
            node = node_of(entry)
            before = self._fork(node, before) if isinstance(node, Fork) else self._step(node, before)
        return before

    def arrows(self, sources: Sequence[str], target: str) -> None:
        self.lines += [f"  {source} --> {target}" for source in sources]

    def _fork(self, fork: Fork, before: tuple[str, ...]) -> tuple[str, ...]:
        opening, closing = f"fork_{fork.id}", f"join_{fork.id}"
        title = fork.title.get(self.language) if fork.title is not None else fork.id
        self.lines.append(f'  {opening}{{"{_quoted(title)}"}}')
        self.arrows(before, opening)
        ends = [end for branch in fork.branches for end in self.sequence(branch, (opening,))]
        self.lines.append(f'  {closing}{{"{_quoted(str(fork.join))}"}}')
        self.arrows(ends, closing)
        return (closing,)

    def _step(self, step: Step, before: tuple[str, ...]) -> tuple[str, ...]:
        own = f"step_{step.id}"
        words = "<br/>".join(filter(None, (_quoted(step.title.get(self.language)), _quoted(self._who(step)))))
        is_person = isinstance(step, HumanStep)
        self.lines.append(f'  {own}["{words}"]' if is_person else f'  {own}[["{words}"]]')
        self.arrows(before, own)
        if isinstance(step, HumanStep):
            self.endings += [
                (own, outcome.title.get(self.language), outcome.ends_case.replace("_", " "))
                for outcome in step.outcomes
                if outcome.ends_case is not None
            ]
            if all(outcome.ends_case is not None for outcome in step.outcomes):
                return ()
        return (own,)

    def _who(self, step: Step) -> str:
        tiers = step.tiers if isinstance(step, HumanStep) else ()
        if tiers:
            return " / ".join(tier.responsible for tier in tiers)
        return role_words(step.raci.responsible)


def role_words(role: RoleRef | None) -> str:
    """A role reference as text: its id, or the input that names it with the role that stands in."""
    if role is None:
        return ""
    return role if isinstance(role, str) else f"{role.input} ({role.default})"


def _quoted(words: str) -> str:
    return words.replace("&", "&amp;").replace('"', "#quot;").replace("<", "&lt;").replace(">", "&gt;")
