"""The way through a template: enter a step, start a job, complete, join, close.

Belongs here: what follows what. Whom a step asks is `asking`; when its clock runs out is `clocks`.
"""

from __future__ import annotations

from workflow_jobs.engine import asking
from workflow_jobs.engine import events as e
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.layout import node_of
from workflow_jobs.engine.template import Fork, HumanStep, Node, ServiceStep


def enter(flow: Flow, entry: Node) -> None:
    """Start a step; a fork starts all its branches."""
    node = node_of(entry)
    before = flow.state.steps.get(node.id)
    visit = before.visit + 1 if before else 1
    if isinstance(node, Fork):
        flow.emit(e.StepEntered, step_id=node.id, kind="fork", visit=visit, branches=len(node.branches))
        for branch in node.branches:
            enter(flow, branch[0])
        return
    flow.emit(e.StepEntered, step_id=node.id, kind=node.kind, visit=visit)
    if isinstance(node, HumanStep):
        asking.ask(flow, node)
    else:
        request(flow, node)


def request(flow: Flow, step: ServiceStep) -> None:
    """Ask for one more attempt of a service step's job; all attempts of a visit share the idempotency key."""
    known = flow.state.steps[step.id]
    flow.emit(
        e.ServiceRequested,
        step_id=step.id,
        job=step.job,
        idempotency_key=f"{flow.case_id}.{step.id}.{known.visit}",
        attempt=known.attempt + 1,
        timeout_at=flow.now + step.timeout.clock(),
    )


def complete(flow: Flow, step_id: str, outcome: str) -> None:
    """Finish a step and go where its place in the template leads."""
    flow.emit(e.StepCompleted, step_id=step_id, outcome=outcome)
    place = flow.layout.places[step_id]
    if place.following is not None:
        enter(flow, place.following)
    elif place.parent is not None:
        fork_id, branch = place.parent
        fork = flow.state.steps[fork_id]
        remaining = fork.branches - len(fork.joined) - 1
        flow.emit(e.BranchJoined, fork_id=fork_id, branch=branch, remaining=remaining)
        if remaining == 0:
            complete(flow, fork_id, "joined")
    elif flow.env.template.closes == "on_resolution":
        flow.emit(e.ResolutionAwaited)
    else:
        close(flow, "completed")
        effect = flow.env.template.effect
        if effect is not None:
            flow.emit(e.EffectDue, due_at=flow.now + effect.window.clock())


def close(flow: Flow, outcome: str, joined: str = "") -> None:
    """End the people's part; what is still under way is withdrawn."""
    reason = f"the case closed: {outcome}"
    for task in flow.state.open_tasks:
        flow.emit(e.TaskCancelled, task_id=task.task_id, step_id=task.step_id, reason=reason)
    for step in tuple(flow.state.steps.values()):
        if step.status in ("active", "failed"):
            flow.emit(e.StepCancelled, step_id=step.step_id, reason=reason)
    flow.emit(e.CaseClosed, outcome=outcome, joined=joined)
