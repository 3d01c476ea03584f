"""The events of one command, collected and folded as they come.

A flow collects the events of one command and folds each into the state at once, so that what `decide` reasons on is
what a replay of the log will give. It takes no command itself: that is `decide`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from functools import cached_property
from typing import Any

from workflow_jobs.engine import events as e
from workflow_jobs.engine.environment import Environment
from workflow_jobs.engine.evolve import evolve
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.state import CaseState


class Flow:
    """The events of one command on one case. `state` is always the fold of all events so far."""

    def __init__(self, case_id: str, state: CaseState | None, now: datetime, env: Environment) -> None:
        self.case_id = case_id
        self.now = now
        self.env = env
        self.layout = layout_of(env.template)
        self.events: list[e.Event] = []
        self._state = state
        # The day on which work goes on next, by calendar: asked for every candidate.
        self.work_days: dict[str, date] = {}

    @cached_property
    def loads(self) -> dict[str, float]:
        """Open weighted work by person, with what this command adds; copied when somebody is to be chosen."""
        return dict(self.env.loads)

    @property
    def state(self) -> CaseState:
        """The case as it stands after the events so far."""
        assert self._state is not None
        return self._state

    def emit(self, event: Callable[..., e.Event], **fields: Any) -> None:
        """Add an event at the next position and fold it."""
        seq = 1 if self._state is None else self._state.seq + 1
        made = event(case_id=self.case_id, seq=seq, at=self.now, **fields)
        self._state = evolve(self._state, made)
        self.events.append(made)
