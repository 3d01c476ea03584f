"""Reading a decision table on the data of a case: which rules hold, and what they set.

Belongs here: the answer. What starts because of it is `routing`; whether a table makes sense is the linter's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workflow_jobs.engine.conditions import ConditionError, case_variables, compile_condition
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.template import Decision, Rule
from workflow_jobs.engine.values import Plain


@dataclass(frozen=True, slots=True)
class Reading:
    """The rules that hold, as positions in the table; what they set; and what is to be said about it."""

    taken: tuple[int, ...]
    data: Mapping[str, Plain]
    note: str = ""


def read_table(flow: Flow, decision: Decision) -> Reading:
    """Read the table now. A condition without an answer is said. With policy `first` it leads to the default rule; with
    `collect` the rules that hold are taken all the same.

    With policy `first` each name is set to the value of the rule; with `collect` every name of the table is set to the
    list of what the rules that hold say, in their order, empty where none says anything.
    """
    variables = case_variables(flow.env.template, flow.state)
    default = tuple(number for number, rule in enumerate(decision.rules) if rule.when is None)[:1]
    note = ""
    taken: tuple[int, ...] = ()
    for number, rule in enumerate(decision.rules):
        try:
            holds = rule.when is not None and compile_condition(rule.when).holds(variables)
        except ConditionError as error:
            if decision.policy == "first":
                taken, note = (), f"the default rule, because {error}"
                break
            note = note or f"without the rule {rule.id}, because {error}"
            continue
        if holds:
            taken = (*taken, number)
            if decision.policy == "first":
                break
    taken = taken or default
    return Reading(taken, _set(decision, [decision.rules[number] for number in taken]), note)


def _set(decision: Decision, rules: list[Rule]) -> dict[str, Plain]:
    if decision.policy == "first":
        return {name: value for rule in rules for name, value in rule.set.items()}
    names = dict.fromkeys(name for rule in decision.rules for name in rule.set)
    return {name: [rule.set[name] for rule in rules if name in rule.set] for name in names}
