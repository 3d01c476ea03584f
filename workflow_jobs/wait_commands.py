"""Commands and questions about waits that end when somebody says that it has happened.

Belongs here: sending the signal, for programs and people, and what a person needs for it: the modal, which cases wait
for his word, who said it before. What is allowed is the engine's business: its Refused passes through.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy.engine import Connection

from resources.ops_database import reading
from workflow_jobs.case_transactions import CaseTransactions
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.signals import awaited, awaited_step, may_say, wait_key, wait_step
from workflow_jobs.engine.state import CaseState, StepState
from workflow_jobs.engine.template import Template, TemplateError, WaitStep
from workflow_jobs.evidence import require_files
from workflow_jobs.slack import wait_messages
from workflow_jobs.store import case_rows, wait_rows

logger = logging.getLogger(__name__)


class WaitCommands(CaseTransactions):
    """What is done about waits. ``wait`` is the engine's wait key, the visit that is meant; None: whichever waits."""

    def send_signal(
        self,
        case_id: str,
        signal: str,
        data: Mapping[str, Any] | None = None,
        *,
        person_id: str | None = None,
        wait: str | None = None,
        via: str = "api",
    ) -> CaseState:
        """Say that what a wait step waits for has happened. ``data`` fills the step's form; ``person_id`` None: a
        program says so.
        """
        command = c.SendSignal(signal=signal, data=dict(data or {}), person_id=person_id, wait=wait)

        def check(connection: Connection, state: CaseState, template: Template) -> None:
            places = layout_of(template).places
            waiting = [places[one.step_id].node for one in state.waits if one.signal == signal]
            fields = [field for step in waiting if isinstance(step, WaitStep) for field in step.form]
            require_files(connection, case_id, fields, command.data)

        return self._on_case("send_signal", case_id, command, via=via, check=check).after

    def require_sendable(
        self, case_id: str, signal: str, data: Mapping[str, Any], *, person_id: str, wait: str
    ) -> None:
        """Raises what :meth:`send_signal` would raise, and changes nothing: to be asked before files are taken in.

        Files of ``data`` may be named by any ids, for the case does not have them yet.
        """
        command = c.SendSignal(signal=signal, data=dict(data), person_id=person_id, wait=wait)
        directory = self._directory()
        with reading(self._engine) as connection:
            state = self._known(case_rows.read(connection, case_id), case_id)
            template = self._template_of(connection, state)
            self._decided(connection, state, command, template, directory, self._clock.now())

    def wait_modal(self, case_id: str, signal: str, wait: str, person_id: str, language: str) -> dict[str, Any]:
        """The modal in which a person says that it has happened. Refused where he may not, or the wait is over."""
        directory = self._directory()
        with reading(self._engine) as connection:
            case = self._known(case_rows.read(connection, case_id), case_id)
            template = self._template_of(connection, case)
        flow = Flow(case_id, case, self._clock.now(), self._company(template, directory))
        step = awaited_step(flow, c.SendSignal(signal=signal, person_id=person_id, wait=wait))
        context = self._context(directory, case.metric, language, person_id)
        return wait_messages.wait_modal(case, case.steps[step.id], template, context, roles=sorted(directory.roles))

    def said_by(self, case_id: str, wait: str) -> str | None:
        """Who said of this wait that it has happened: a person's id, empty for a program; None where nobody did."""
        step_id, visit = wait.rpartition(".")[0], 0
        for event in self.events(case_id):
            if isinstance(event, e.StepEntered) and event.step_id == step_id:
                visit = event.visit
            elif isinstance(event, e.SignalReceived) and event.step_id == step_id and f"{step_id}.{visit}" == wait:
                return event.person_id or ""
        return None

    def waits_for(self, person_id: str, limit: int) -> tuple[list[tuple[CaseState, StepState]], bool]:
        """Waits that this person may end, those that are over first first, and whether there may be more.

        They are looked for in open cases of the versions of templates that let him, in so many of these as
        ``wait_rows.MOST_CASES`` says. Versions that cannot be read are passed over and logged.
        """
        directory = self._directory()
        roles = frozenset(directory.roles_of(person_id))
        versions: dict[str, Template] = {}

        with reading(self._engine) as connection:

            def steps_of(template_id: str, content_hash: str) -> frozenset[str]:
                try:
                    template = self._stored(connection, template_id, content_hash)
                except (TemplateError, LookupError) as error:
                    logger.error(
                        "cases of the version %s of %s are left out of Home tabs: %s", content_hash, template_id, error
                    )
                    return frozenset()
                versions[content_hash] = template
                return _steps_for(template, roles)

            def found_in(case: CaseState) -> list[tuple[CaseState, StepState]]:
                template, found = versions[case.template_hash], []
                for one in awaited(case):
                    step = wait_step(template, one.step_id)
                    if step is not None and may_say(template, case, directory, step, person_id):
                        found.append((case, one))
                return found

            waits, more = wait_rows.first_waits(connection, steps_of, found_in, limit)
        waits.sort(key=lambda wait: (wait[1].wake_at is None, wait[1].wake_at, wait[0].case_id, wait_key(wait[1])))
        return waits[:limit], more


def _steps_for(template: Template, roles: Collection[str]) -> frozenset[str]:
    """The waits for a signal that a holder of these roles may end, or may where a case says so."""
    steps = set()
    for step in layout_of(template).steps():
        if isinstance(step, WaitStep) and step.signal is not None:
            named = (step.raci.responsible, step.raci.accountable, template.owner_role)
            if any(role is not None and (not isinstance(role, str) or role in roles) for role in named):
                steps.add(step.id)
    return frozenset(steps)
