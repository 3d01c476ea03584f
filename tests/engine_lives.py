"""Long lives of cases: the rules of the state machine drawn by weight, mostly sensible, so that cases get far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from tests.engine_machine import CALENDARS, PERSONS, Cases
from tests.engine_world import ROLES, Play
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.parts import FormField
from workflow_jobs.engine.question import question_of
from workflow_jobs.engine.state import TaskState
from workflow_jobs.engine.template import WaitStep

Act = Callable[[Cases, Random], None]


class InService(Cases):
    """One case of a template in service, whose fields have bounds that the random ones have not."""

    @classmethod
    def opened(cls, play: Play, chance: Random, **given: Any) -> InService:
        """The play's case, opened with all that is required, and half of what is not."""
        stated = [field for field in play.template.inputs if field.required is True or chance.random() < 0.5]
        machine = cls()
        machine.play = play.open(data={field.name: _typed(field, chance) for field in stated}, **given)
        return machine

    def finish(self, task: TaskState) -> None:
        assert task.assignee is not None, "with everybody back at work there is always somebody to ask"
        question, chance = question_of(self.play.template, task), Random(task.task_id)
        outcome = question.outcomes[0].id
        form = {field.name: _typed(field, chance) for field in question.form if field.required_for(outcome)}
        version = self.play.state.tasks[task.task_id].version
        at: dict[str, Any] = {"task_id": task.task_id, "task_version": version}
        self.play.do(c.DecideTask(**at, person_id=task.assignee, outcome=outcome, form=form))

    def something_happens_outside(self, pick: int, person: str | None, sent: bool) -> None:
        awaited = [layout_of(self.play.template).places[step.step_id].node for step in self.play.state.waits]
        heard = [node for node in awaited if isinstance(node, WaitStep) and node.signal is not None]
        if not sent or not heard:
            super().something_happens_outside(pick, person, sent)
            return
        node, chance = heard[pick % len(heard)], Random(pick)
        data = {field.name: _typed(field, chance) for field in node.form}
        self.attempt(c.SendSignal(signal=node.signal or "", data=data, person_id=person))


def _typed(field: FormField, chance: Random) -> Any:
    """What somebody may type into a field, within its bounds."""
    match field.type:
        case "decimal" | "integer":
            number = chance.choice((10, 60_000, 900_000))
            number = number if field.max is None else min(number, int(field.max))
            return str(number) if field.type == "decimal" else number
        case "date":
            return chance.choice(("2026-11-20", "2026-12-24", "2027-01-11"))
        case "boolean":
            return chance.random() < 0.5
        case "choice":
            return chance.choice([option.value for option in field.options])
        case "role":
            return chance.choice(ROLES)
        case "file":
            return ["f1"]
        case _:
            return "text"


def _click(machine: Cases, chance: Random) -> None:
    tasks = list(machine.play.state.tasks.values())
    waiting = [number for number, task in enumerate(tasks) if task.status == "open"]
    pick = chance.choice(waiting) if waiting and chance.random() < 0.7 else chance.randrange(50)
    step = machine.human_step(tasks[pick % len(tasks)])
    outcome = chance.choice([o.id for o in step.outcomes]) if step else chance.choice(("retry", "done_by_hand"))
    who = PERSONS[chance.randrange(len(PERSONS))] if chance.random() < 0.3 else None
    machine.click(pick, chance.choice((0, 0, 0, 1, 2)), who, outcome, "60000", chance.choice((1, 2)))


def _job(machine: Cases, chance: Random) -> None:
    machine.job_answers(0, f"r{chance.randrange(30)}", chance.choice(("ok", "fail", "fail", "final")))


def _figures(machine: Cases, chance: Random) -> None:
    snapshot, observed = f"s{chance.randrange(99)}", chance.choice(("0.5", "0.6", "0.9", None))
    noted = any(field.name == "note" for field in machine.play.template.inputs)
    machine.figures_arrive(snapshot, observed, chance.choice((None, "n", "m")) if noted else None, True)


def _snooze(machine: Cases, chance: Random) -> None:
    machine.snooze(chance.randrange(50), chance.choice((None, None, *PERSONS)), chance.randrange(-1, 80))


def _pass_on(machine: Cases, chance: Random) -> None:
    tasks = list(machine.play.state.tasks.values())
    waiting = [number for number, task in enumerate(tasks) if task.status == "open"]
    free = [number for number in waiting if tasks[number].assignee is None]
    pick = chance.choice(waiting) if waiting and chance.random() < 0.8 else chance.randrange(50)
    how = chance.choice(("delegate", "add", "add", "claim", "release"))
    if free and chance.random() < 0.5:
        pick, how = chance.choice(free), "claim"
    who = chance.choice(PERSONS) if chance.random() < 0.2 else None
    machine.pass_on(pick, how, who, chance.choice(PERSONS))


ACTS: Final[Mapping[str, Act]] = {
    "click": _click,
    "people_work": lambda machine, chance: machine.people_work(1),
    "time_passes": lambda machine, chance: machine.time_passes(chance.uniform(-2, 30)),
    "scan": lambda machine, chance: machine.scan(2),
    "absences_change": lambda machine, chance: machine.absences_change(
        set(chance.sample(PERSONS, 8)), chance.randrange(5)
    ),
    "job_answers": _job,
    "figures_arrive": _figures,
    "check_passes": lambda machine, chance: machine.check_passes(chance.randrange(2)),
    "acknowledge": lambda machine, chance: machine.acknowledge(
        chance.randrange(50), chance.choice((None, *PERSONS[:4]))
    ),
    "snooze": _snooze,
    "stop_the_clock": lambda machine, chance: machine.stop_the_clock(
        chance.randrange(50), chance.choice((None, None, *PERSONS[:3])), chance.randrange(-10, 60)
    ),
    "its_parent_ends": lambda machine, chance: machine.its_parent_ends(chance.choice((0, 1, 9))),
    "hand_over": lambda machine, chance: machine.hand_over(
        chance.randrange(50), chance.choice(PERSONS), chance.choice(PERSONS)
    ),
    "cause_is_back": lambda machine, chance: machine.cause_is_back(f"b{chance.randrange(99)}"),
    "something_happens_outside": lambda machine, chance: machine.something_happens_outside(
        chance.randrange(9), chance.choice((None, None, *PERSONS)), chance.random() < 0.6
    ),
    "another_case_ends": lambda machine, chance: machine.another_case_ends(
        chance.randrange(9), chance.choice(("completed", "withdrawn")), chance.randrange(4)
    ),
    "template_changes": lambda machine, chance: machine.template_changes(chance.randrange(6), chance.randrange(10)),
    "calendar_changes": lambda machine, chance: machine.calendar_changes(chance.randrange(len(CALENDARS))),
    "withdraw": lambda machine, chance: machine.withdraw(chance.choice(PERSONS), chance.choice((0, 1, 2, 9))),
    "pass_on": _pass_on,
    "people_say": lambda machine, chance: machine.people_say(
        chance.randrange(50), chance.choice(("lm", "lm", *PERSONS)), chance.randrange(7)
    ),
    "pools_are_handed_out": lambda machine, chance: machine.pools_are_handed_out(),
}

# How often each kind of thing happens in a long life; of an incident people decide less and let rest more.
ORDINARY: Final[Mapping[str, float]] = {
    "click": 4,
    "people_work": 10,
    "time_passes": 6,
    "scan": 3,
    "absences_change": 2,
    "job_answers": 6,
    "figures_arrive": 5,
    "check_passes": 0.6,
    "acknowledge": 3,
    "snooze": 2,
    "stop_the_clock": 2,
    "its_parent_ends": 0.2,
    "hand_over": 1,
    "cause_is_back": 2,
    "something_happens_outside": 4,
    "another_case_ends": 4,
    "template_changes": 0.7,
    "withdraw": 0.4,
    "pass_on": 8,
    "people_say": 3,
    "pools_are_handed_out": 1,
}
INCIDENT: Final[Mapping[str, float]] = {
    **ORDINARY,
    "click": 1,
    "people_work": 1,
    "job_answers": 1,
    "figures_arrive": 2,
    "check_passes": 2,
    "snooze": 6,
    "hand_over": 2,
    "cause_is_back": 3,
}

# Incidents whose people work at them, so that they are resolved and come back in the middle of it.
WORKED_AT: Final[Mapping[str, float]] = {**ORDINARY, "check_passes": 3, "cause_is_back": 6}


# What is done with a task: nothing while a case has asked nobody yet.
OF_TASKS: Final = frozenset(("click", "acknowledge", "snooze", "stop_the_clock", "hand_over", "pass_on", "people_say"))


def under_changing_calendars(weights: Mapping[str, float]) -> Mapping[str, float]:
    """The same, and now and then the working calendar changes: not for lives that are played again by one calendar."""
    return {**weights, "calendar_changes": 0.7}


def live(machine: Cases, chance: Random, weights: Mapping[str, float]) -> None:
    """Let one case live: between 20 and 90 things happen, and what must hold is looked at after each."""
    names = list(weights)
    for _ in range(chance.randrange(20, 90)):
        name = chance.choices(names, list(weights.values()))[0]
        if machine.play.state.tasks or name not in OF_TASKS:
            ACTS[name](machine, chance)
        machine.look()
    machine.replaying_the_log_gives_the_live_state()
    machine.the_data_is_what_completed_steps_said()
    machine.teardown()
