"""Random sound templates with every construct, and one template that has them all, for tests of the process engine."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hypothesis import strategies as st

from tests.engine_world import JOBS, ROLES
from workflow_jobs.engine.lint import lint
from workflow_jobs.engine.template import Template, load_template
from workflow_jobs.engine.yaml_lines import read

TITLE = {"en": "T", "zh": "题"}
FIELD = {"name": "amount", "type": "decimal", "title": TITLE, "required": True, "min": 0}
# Steps side by side fill no name together, so each has names of its own: `why_h3`.
WHY = {"type": "text", "title": TITLE, "required": ["back"]}
LEARNT = [{"name": name, "type": "text", "title": TITLE} for name in ("cause", "remedy")]
_ROLES = ("buyer", "quality_engineer", "finance_analyst", "cfo", "sales_rep")
_LEAVES = ("human", "human", "human", "service", "tiered", "wait", "process")
_CONDITIONS = ("data.amount < 50000.0", "data.amount > 10.0", 'case.priority == "normal"', "has(data.note)")
_TIERS = (
    "data.amount < 50000.0",
    "case.observed != null && case.observed < 0.7",
    "case.breaches < 3",
    'has(data.note) && data.note == "n"',
)


class Chance(Protocol):
    """Where a draft takes its choices from: Hypothesis, which shrinks them, or a plain generator, which is fast."""

    def of(self, options: Sequence[Any]) -> Any: ...

    def yes(self) -> bool: ...

    def between(self, least: int, most: int) -> int: ...


@dataclass
class _Drawn:
    draw: st.DrawFn

    def of(self, options: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(options))

    def yes(self) -> bool:
        return self.draw(st.booleans())

    def between(self, least: int, most: int) -> int:
        return self.draw(st.integers(least, most))


@dataclass
class _Rolled:
    chance: random.Random

    def of(self, options: Sequence[Any]) -> Any:
        return self.chance.choice(options)

    def yes(self) -> bool:
        return self.chance.random() < 0.5

    def between(self, least: int, most: int) -> int:
        return self.chance.randint(least, most)


class _Draft:
    """Makes up one template; numbers its steps, and knows what a step may return to."""

    def __init__(self, chance: Chance) -> None:
        self.chance = chance
        self.count = 0
        self.humans: list[str] = []
        self.by_itself = chance.between(0, 3) == 3
        self.timed = chance.yes()

    def id(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def human(self, earlier: tuple[str, ...] = (), tiered: bool = False) -> dict[str, Any]:
        chance = self.chance
        outcomes: list[dict[str, Any]] = [{"id": "go", "title": TITLE}]
        step: dict[str, Any] = {
            "id": self.id("h"),
            "kind": "human",
            "title": TITLE,
            "raci": {"accountable": chance.of(_ROLES)},
            "sla": chance.of(("PT30M", "PT4H", "P1D", "P3DT1H")),
            "outcomes": outcomes,
        }
        if chance.yes() and not self.by_itself:
            outcomes.append({"id": "stop", "title": TITLE, "ends_case": "stopped"})
        if earlier and chance.yes():
            outcomes.append({"id": "back", "title": TITLE, "returns_to": chance.of(earlier)})
            step["form"] = [WHY | {"name": f"why_{step['id']}"}]
        if tiered:
            # By what somebody typed, or by what the case becomes while it waits.
            when, pair = chance.of(_TIERS), chance.of((("finance_analyst", "cfo"), ("buyer", "sales_rep")))
            step["tiers"] = [{"when": when, "responsible": pair[0]}, {"default": True, "responsible": pair[1]}]
        else:
            step["raci"]["responsible"] = chance.of(_ROLES)
            self.several(step)
        if self.humans and chance.yes():
            step["separate_from"] = [chance.of(self.humans)]
        step["raci"]["consulted"] = ["logistics_manager"]
        if chance.yes():
            step["actions"] = {
                "acknowledge": True,
                "assign": chance.yes(),
                "delegate": chance.yes(),
                "add_approver": chance.yes(),
                "release": chance.yes(),
                "snooze": {"at_most": chance.of(("PT2H", "P3D")), "times": chance.between(1, 3)},
                "pauses": [{"id": "outside", "title": TITLE, "at_most": "P2D", "times": 2}],
            }
        if chance.between(0, 2) == 2:
            handed_on = {"at": 50, "action": "reassign", "to": chance.of(("accountable", "manager", "role:ceo"))}
            default = {"at": 100, "action": "default", "to": "owner", "outcome": "go"}
            step["ladder"] = [handed_on] if "vote" in step else [handed_on, default]
        return step

    def several(self, step: dict[str, Any]) -> None:
        """Now and then a step is for whoever claims it, or for several people who vote."""
        chance, outcomes = self.chance, step["outcomes"]
        match chance.of(("one", "one", "one", "pool", "vote")):
            case "pool":
                step["pool"] = True
            case "vote":
                voters = [chance.of(_ROLES) for _ in range(chance.between(0, 3))]
                needed = chance.of(("any", "all", chance.between(1, len(voters) or 2)))
                step["vote"] = {"voters": voters, "needed": needed}
                if needed != "any":
                    outcomes.append({"id": "no", "title": TITLE})
                    step["vote"] |= {"approves": "go", "rejects": outcomes[-1 if chance.yes() else 1]["id"]}
                    if step["vote"]["rejects"] == "back":
                        step["form"][0] |= {"required": [one["id"] for one in outcomes[1:]]}

    def node(self, depth: int, earlier: tuple[str, ...]) -> dict[str, Any]:
        kind = self.chance.of((*_LEAVES, *(("fork", "fork", "decision", "decision") if depth else ())))
        match kind:
            case "fork":
                return self.fork(depth, earlier)
            case "decision":
                return self.decision(depth, earlier)
            case "service":
                return {
                    "id": self.id("s"),
                    "kind": "service",
                    "title": TITLE,
                    "raci": {"responsible": "production_planner", "accountable": "production_manager"},
                    "job": JOBS[0],
                    "timeout": "PT30M",
                    "attempts": self.chance.between(1, 3),
                }
            case "wait":
                return self.wait()
            case "process":
                raci = {"responsible": "buyer", "accountable": self.chance.of(_ROLES)}
                step = {"id": self.id("p"), "kind": "process", "title": TITLE, "raci": raci, "template": "other"}
                return {**step, "passes": {"amount": "amount"}, "brings": {f"found_{step['id']}": "found"}}
        return self.human(earlier, tiered=kind == "tiered")

    def fork(self, depth: int, earlier: tuple[str, ...]) -> dict[str, Any]:
        count = self.chance.between(2, 3)
        join: Any = self.chance.of(("all", "any", count - 1))
        name = self.id("f")
        return {"fork": {"id": name, "join": join, "branches": [self.run(depth - 1, earlier) for _ in range(count)]}}

    def decision(self, depth: int, earlier: tuple[str, ...]) -> dict[str, Any]:
        chance = self.chance
        name = self.id("d")
        whens = [chance.of(_CONDITIONS) for _ in range(chance.between(1, 2))]
        if len(set(whens)) < len(whens):  # a condition that stands there twice decides nothing
            whens[1] = _CONDITIONS[_CONDITIONS.index(whens[0]) - 1]
        rules: list[dict[str, Any]] = [
            {"id": f"r{number}", "when": when, "set": {f"set_{name}": f"v{number}"}}
            for number, when in enumerate(whens)
        ]
        rules.append({"id": "otherwise", "default": True})
        for rule in rules:
            if chance.yes():
                rule["steps"] = self.run(depth - 1, earlier)
        policy = chance.of(("first", "collect"))
        block = {"id": name, "title": TITLE, "accountable": chance.of(_ROLES), "policy": policy, "rules": rules}
        return {"decision": block}

    def wait(self) -> dict[str, Any]:
        chance = self.chance
        step: dict[str, Any] = {
            "id": self.id("w"),
            "kind": "wait",
            "title": TITLE,
            "raci": {"responsible": "buyer", "accountable": chance.of(_ROLES)},
        }
        step["until"] = chance.of(({"working": "P1D"}, {"clock": "PT5H"}, {"date": "day"}))
        if chance.yes():
            step["signal"] = f"signal_{step['id']}"
            step["form"] = [{"name": f"heard_{step['id']}", "type": "text", "title": TITLE}]
        if self.timed and chance.yes():
            step["pauses_case"] = True
        return step

    def run(self, depth: int, earlier: tuple[str, ...], least: int = 1) -> list[dict[str, Any]]:
        nodes: list[dict[str, Any]] = []
        for _ in range(self.chance.between(least, least + 1)):
            node = self.node(depth, earlier)
            nodes.append(node)
            inner = node.get("fork") or node.get("decision") or node
            earlier = (*earlier, inner["id"])
        return nodes

    def whole(self) -> dict[str, Any]:
        chance = self.chance
        first = self.human()
        first["form"] = [FIELD, *LEARNT]
        first.pop("ladder", None)
        self.humans = [first["id"]]
        rungs = sorted({chance.between(10, 300) for _ in range(chance.between(0, 4))})
        targets = ("assignee", "manager", "accountable", "requester", "owner", "role:ceo")
        # Without a typed `note` no condition may ask for it.
        note = {"name": "note", "type": "text", "title": TITLE}
        day = {"name": "day", "type": "date", "title": TITLE, "required": True}
        whole: dict[str, Any] = {
            "id": "random",
            "version": 1,
            "title": TITLE,
            "description": TITLE,
            "owner_role": "plant_manager",
            "closes": "on_resolution" if self.by_itself else "after_last_step",
            "inputs": [note, day],
            "ladder": [{"at": at, "action": "remind", "to": chance.of(targets)} for at in rungs],
            "steps": [first, *self.run(2, (first["id"],), least=3)],
        }
        if chance.yes():
            whole["learning"] = {"cause": "cause", "remedy": "remedy"}
        if self.timed:
            whole["sla"] = chance.of(("P1D", "P5D"))
            whole["case_ladder"] = [{"at": 50, "action": "remind", "to": "owner"}]
        if self.by_itself:
            whole["reopens_within"] = "PT12H"
        else:
            failing = chance.of(("reopen", "escalate"))
            rule_text = 'direction == "below" ? value >= threshold : value <= threshold'
            whole["effect"] = {"metric_from": "trigger", "window": "P7D", "rule": rule_text, "on_failure": failing}
        return whole


@st.composite
def templates(draw: st.DrawFn) -> Template:
    """A sound template: forks and decisions that nest, all joins, steps with or without tiers, endings and returns,
    services, waits, other processes, ladders, and an effect or a resolution.
    """
    return sound(_Draft(_Drawn(draw)).whole())


def random_template(chance: random.Random) -> Template:
    """The same without Hypothesis."""
    return sound(random_draft(chance))


def random_draft(chance: random.Random) -> dict[str, Any]:
    """The same as plain data, before it is loaded."""
    return _Draft(_Rolled(chance)).whole()


def sound(draft: dict[str, Any]) -> Template:
    """A draft as a template, which the linter must accept."""
    template = load_template(json.dumps(draft), file="random.json")
    assert lint(template, ROLES, JOBS) == []
    return template


def another_version(template: Template, how: int, pick: int) -> Template | None:
    """The template with one change, where that is still sound: another time, another title, one step more, or less,
    another time that is waited for, other roles.
    """
    whole, _ = read(template.text)
    whole["version"] += 1
    steps: list[dict[str, Any]] = whole["steps"]
    asking = [step for step in steps if step.get("kind") == "human"]
    match how:
        case 0:
            asking[pick % len(asking)]["sla"] = ("PT1H", "PT9H", "P2D")[pick % 3]
        case 1:
            whole["title"] = {"en": f"T{pick}", "zh": "题"}
        case 2:
            added = {key: asking[0][key] for key in ("kind", "title", "raci", "sla")}
            go = [{"id": "go", "title": TITLE}]
            steps.append({**added, "id": f"n{whole['version']}", "outcomes": go})
        case 4:
            waits = [step for step in steps if step.get("kind") == "wait"]
            for step in waits[pick % 2 :]:
                step["until"] = ({"working": "P2D"}, {"clock": "PT9H"}, {"date": "day"})[pick % 3]
        case 5:
            asking[pick % len(asking)]["raci"] |= {"accountable": _ROLES[pick % len(_ROLES)]}
        case _:
            steps.pop(pick % len(steps))
    if not steps:
        return None
    changed = load_template(json.dumps(whole), file="changed.json")
    return None if lint(changed, ROLES, JOBS) else changed
