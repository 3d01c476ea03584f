"""Cases inside cases: what a process step hands to the other case, and what it takes from it.

Belongs here: the data both ways. Opening and ending the other case in the same transaction is the service's.
"""

from __future__ import annotations

from collections.abc import Mapping

from workflow_jobs.engine.state import CaseState
from workflow_jobs.engine.template import ProcessStep
from workflow_jobs.engine.values import Plain


def next_child_id(state: CaseState) -> str:
    """Id of the next case that this one opens: its own with a number."""
    return f"{state.case_id}-{state.children + 1}"


def passed(step: ProcessStep, state: CaseState) -> dict[str, Plain]:
    """The inputs of the other case, as far as this one knows them."""
    known = {name: state.data.get(field) for name, field in step.passes.items()}
    return {name: value for name, value in known.items() if value is not None}


def brought(step: ProcessStep, data: Mapping[str, Plain]) -> dict[str, Plain]:
    """The fields of this case that the other one's data fill."""
    known = {name: data.get(field) for name, field in step.brings.items()}
    return {name: value for name, value in known.items() if value is not None}


def waiting_for(state: CaseState, child_case_id: str) -> str | None:
    """The step that waits for that case, if one does."""
    for step in state.steps.values():
        if step.kind == "process" and step.status == "active" and step.child_case_id == child_case_id:
            return step.step_id
    return None
