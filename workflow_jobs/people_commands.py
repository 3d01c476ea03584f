"""Commands by which people pass tasks on, advise, answer and rate.

Belongs here: commands of the process service about people. Deciding, opening cases and the commands of jobs are in
``service``, those of time in ``timekeeping``; what is allowed is the engine's business: its Refused passes through.
"""

from __future__ import annotations

from workflow_jobs.case_transactions import CaseTransactions
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.state import CaseState


class PeopleCommands(CaseTransactions):
    """What people do with tasks and cases besides deciding. ``version`` is that of the card which the person saw."""

    def claim(self, task_id: str, version: int, person_id: str, via: str = "api") -> CaseState:
        """Take a task that nobody has."""
        command = c.ClaimTask(task_id=task_id, task_version=version, person_id=person_id)
        return self._on_task("claim", task_id, command, via=via)

    def release(self, task_id: str, version: int, person_id: str, reason: str = "", via: str = "api") -> CaseState:
        """Give a task back to all who hold its role."""
        command = c.ReleaseTask(task_id=task_id, task_version=version, person_id=person_id, reason=reason)
        return self._on_task("release", task_id, command, via=via)

    def delegate(self, task_id: str, version: int, person_id: str, to: str, reason: str, via: str = "api") -> CaseState:
        """Ask ``to`` to work on a task and to advise; the decision stays with its assignee."""
        command = c.DelegateTask(task_id=task_id, task_version=version, person_id=person_id, to=to, reason=reason)
        return self._on_task("delegate", task_id, command, via=via)

    def add_approver(
        self, task_id: str, version: int, person_id: str, to: str, reason: str, via: str = "api"
    ) -> CaseState:
        """Ask ``to`` for a further approval; the step goes on only with it."""
        command = c.AddApprover(task_id=task_id, task_version=version, person_id=person_id, to=to, reason=reason)
        return self._on_task("add_approver", task_id, command, via=via)

    def answer_consultation(self, task_id: str, person_id: str, text: str, via: str = "api") -> CaseState:
        """Say, as one who is consulted, what one thinks, before the decision."""
        command = c.AnswerConsultation(task_id=task_id, person_id=person_id, text=text)
        return self._on_task("answer_consultation", task_id, command, via=via)

    def rate_case(self, case_id: str, person_id: str, score: int, comment: str = "", via: str = "api") -> CaseState:
        """Rate the process of a case that is over, from 1 to 5, as one who took part."""
        command = c.RateCase(person_id=person_id, score=score, comment=comment)
        return self._on_case("rate_case", case_id, command, via=via).after
