"""A template as a Mermaid flowchart, for documents. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from workflow_jobs.engine.layout import layout_of, node_of
from workflow_jobs.engine.template import Decision, Fork, HumanStep, Node, ProcessStep, Step, Template, WaitStep
from workflow_jobs.template_words import responsible_roles, role_words, rule_words, sla_words, vote_words


def mermaid(template: Template, language: str = "en") -> str:
    """The flowchart's text. People's steps are boxes, jobs have double sides, waits are rounded, other processes have
    slanted sides; forks and joins are diamonds, decision tables hexagons. A return is a dashed arrow.
    """
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
    for source, label, target in chart.returns:
        chart.lines.append(f'  {source} -.->|"{_quoted(label)}"| {_node_id(template, target)}')
    return "\n".join(chart.lines) + "\n"


_SHAPES = {"human": ("[", "]"), "service": ("[[", "]]"), "wait": ("(", ")"), "process": ("[/", "/]")}


@dataclass
class _Chart:
    """``endings`` are choices that end the case: step, the choice's words, the outcome; ``returns`` those that go back:
    step, words, the step's id. Ids get a prefix, so that a step named like one of Mermaid's words (end, graph) stays a
    step. A source of an arrow may carry its label: ``id|words``.
    """

    language: str
    lines: list[str]
    endings: list[tuple[str, str, str]] = field(default_factory=list)
    returns: list[tuple[str, str, str]] = field(default_factory=list)

    def sequence(self, nodes: Sequence[Node], before: tuple[str, ...]) -> tuple[str, ...]:
        for entry in nodes:
            node = node_of(entry)
            if isinstance(node, Fork):
                before = self._fork(node, before)
            elif isinstance(node, Decision):
                before = self._decision(node, before)
            else:
                before = self._step(node, before)
        return before

    def arrows(self, sources: Sequence[str], target: str) -> None:
        for source in sources:
            node, bar, words = source.partition("|")
            self.lines.append(f'  {node} -->|"{_quoted(words)}"| {target}' if bar else f"  {node} --> {target}")

    def _fork(self, fork: Fork, before: tuple[str, ...]) -> tuple[str, ...]:
        opening, closing = f"fork_{fork.id}", f"join_{fork.id}"
        title = fork.title.get(self.language) if fork.title is not None else fork.id
        self.lines.append(f'  {opening}{{"{_quoted(title)}"}}')
        self.arrows(before, opening)
        ends = [end for branch in fork.branches for end in self.sequence(branch, (opening,))]
        waits_for = fork.join if isinstance(fork.join, str) else f"{fork.join} / {len(fork.branches)}"
        self.lines.append(f'  {closing}{{"{_quoted(waits_for)}"}}')
        self.arrows(ends, closing)
        return (closing,)

    def _decision(self, decision: Decision, before: tuple[str, ...]) -> tuple[str, ...]:
        own = f"decision_{decision.id}"
        self.lines.append(f'  {own}{{{{"{_quoted(decision.title.get(self.language))}"}}}}')
        self.arrows(before, own)
        ends: list[str] = []
        for rule in decision.rules:
            ends += self.sequence(rule.steps, (f"{own}|{rule_words(rule, self.language)}",))
        return tuple(dict.fromkeys(ends))

    def _step(self, step: Step, before: tuple[str, ...]) -> tuple[str, ...]:
        own = f"step_{step.id}"
        words = "<br/>".join(filter(None, (_quoted(step.title.get(self.language)), _quoted(self._who(step)))))
        left, right = _SHAPES[step.kind]
        self.lines.append(f'  {own}{left}"{words}"{right}')
        self.arrows(before, own)
        if isinstance(step, HumanStep):
            self.endings += [
                (own, outcome.title.get(self.language), outcome.ends_case.replace("_", " "))
                for outcome in step.outcomes
                if outcome.ends_case is not None
            ]
            self.returns += [
                (own, outcome.title.get(self.language), outcome.returns_to)
                for outcome in step.outcomes
                if outcome.returns_to is not None
            ]
            if all(outcome.ends_case is not None or outcome.returns_to is not None for outcome in step.outcomes):
                return ()
        return (own,)

    def _who(self, step: Step) -> str:
        match step:
            case WaitStep():
                return f"{sla_words(step)} / {step.signal}" if step.signal is not None else sla_words(step)
            case ProcessStep():
                return step.template
            case HumanStep() if step.vote is not None:
                return vote_words(step.vote)
        return " / ".join(responsible_roles(step)) or role_words(step.raci.accountable)


def _node_id(template: Template, target: str) -> str:
    node = layout_of(template).places[target].node
    return (
        f"fork_{target}"
        if isinstance(node, Fork)
        else f"{'decision' if isinstance(node, Decision) else 'step'}_{target}"
    )


def _quoted(words: str) -> str:
    return words.replace("&", "&amp;").replace('"', "#quot;").replace("<", "&lt;").replace(">", "&gt;")
