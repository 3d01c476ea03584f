"""Each process step as an asset of Dagster's graph, and how a completed step is reported to it.

Belongs here: asset specs from templates, runless materialisations. Does not belong here: the jobs of service steps
(jobs). People's steps, waits, decisions and other processes are external assets: no run materialises them.
``process/<template>/outcome`` stands for the case's end; the platform's own source tables can depend on it, so that
metric, steps, outcome and process metric are one lineage. What leads back (an outcome that returns to an earlier
step) and sideways (another process) would close a cycle: it is named in the metadata, never a dependency.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import dagster as dg
from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData
from dagster._core.events.log import EventLogEntry
from dagster._core.instance.utils import RUNLESS_JOB_NAME, RUNLESS_RUN_ID

from ops_assets.catalog import Watch
from resources.clock import SystemClock
from workflow_jobs.engine.layout import node_of
from workflow_jobs.engine.parts import RoleRef
from workflow_jobs.engine.template import (
    Decision,
    Fork,
    HumanStep,
    Node,
    ProcessStep,
    ServiceStep,
    Step,
    Template,
    WaitStep,
)
from workflow_jobs.step_completion import StepCompletion, step_path
from workflow_jobs.template_words import responsible_roles, sla_words, vote_words

OUTCOME = "outcome"
_KINDS = {"human": "human", "service": "job", "wait": "wait", "process": "process", "decision": "decision"}


def step_key(template_id: str, step_id: str) -> dg.AssetKey:
    """Asset key of a step."""
    return dg.AssetKey(step_path(template_id, step_id))


def step_asset_specs(
    templates: Iterable[Template], watches: Sequence[Watch] = (), *, process_metrics: Collection[str] = ()
) -> list[dg.AssetSpec]:
    """One spec for every step and decision of every template, and one for each template's outcome.

    A first step depends on the metrics whose watch rules open the template. Metrics in ``process_metrics`` stand on the
    process's own history: a dependency on them would close a cycle, so they are only named in the metadata.
    """
    specs: list[dg.AssetSpec] = []
    for template in templates:
        triggers = sorted({watch.metric for watch in watches if watch.rule.template == template.id})
        linked = [metric for metric in triggers if metric in process_metrics]
        upstream = [dg.AssetKey(metric) for metric in triggers if metric not in process_metrics]
        for entry, before in _in_order(template.steps, ()):
            deps = [step_key(template.id, previous) for previous in before] or upstream
            specs.append(_spec(template, entry, deps, linked if not before else []))
        last = _ends(template.steps, ())
        specs.append(
            dg.AssetSpec(
                key=step_key(template.id, OUTCOME),
                deps=[step_key(template.id, step_id) for step_id in last],
                group_name="process",
                description=f"How cases of {template.title.en} ({template.title.zh}) ended.",
                owners=[_team(template.owner_role)],
                kinds={"process"},
                tags={"trueloop/template": template.id},
                metadata={"template_version": template.version},
            )
        )
    return specs


# How many reports of a step are looked through for one that an interrupted attempt had written.
_LOOKED_THROUGH = 1000


def report_completions(instance: dg.DagsterInstance, completions: Sequence[StepCompletion]) -> None:
    """Report completed steps as runless materialisations, the case in the metadata and no partition.

    They are written in one go: transactions of its own for each would hold up whoever else writes to the event log.
    What an interrupted attempt had written is recognised by case and event number, and not written again.
    """
    there = _reported(instance, [done for done in completions if done.maybe_reported])
    missing = [done for done in completions if (done.case_id, done.event_seq) not in there]
    if missing:
        instance.event_log_storage.store_event_batch([_entry(done) for done in missing])


def _entry(done: StepCompletion) -> EventLogEntry:
    """The entry that Dagster's own ``report_runless_asset_event`` would write."""
    materialization = dg.AssetMaterialization(
        asset_key=step_key(done.template_id, done.step_id),
        description=f"Case {done.case_id}: {done.outcome or 'completed'}",
        metadata=completion_metadata(done),
    )
    event = DagsterEvent(
        event_type_value=DagsterEventType.ASSET_MATERIALIZATION.value,
        event_specific_data=StepMaterializationData(materialization),
        job_name=RUNLESS_JOB_NAME,
    )
    return EventLogEntry(  # type: ignore[no-untyped-call]
        user_message="",
        level=logging.INFO,
        job_name=RUNLESS_JOB_NAME,
        run_id=RUNLESS_RUN_ID,
        error_info=None,
        timestamp=SystemClock().now().timestamp(),
        step_key=None,
        dagster_event=event,
    )


def _reported(instance: dg.DagsterInstance, doubtful: Sequence[StepCompletion]) -> set[tuple[str, int]]:
    """Which of these stand in the event log already, among the newest reports of their steps."""
    found: set[tuple[str, int]] = set()
    for key in {step_key(done.template_id, done.step_id) for done in doubtful}:
        for record in instance.fetch_materializations(key, limit=_LOOKED_THROUGH).records:
            facts = record.asset_materialization.metadata if record.asset_materialization else {}
            case_id, seq = facts.get("case_id"), facts.get("event_seq")
            if case_id is not None and seq is not None:
                found.add((str(case_id.value), int(str(seq.value))))
    return found


def completion_metadata(done: StepCompletion) -> dict[str, Any]:
    """Metadata of a step's materialisation."""
    body: dict[str, Any] = {
        "case_id": done.case_id,
        "outcome": done.outcome,
        "decided_by": done.decided_by,
        "subject_id": done.subject_id,
        "metric": done.metric,
        "at": done.at.isoformat(),
        "event_seq": done.event_seq,
    }
    if done.working_minutes is not None:
        body["working_minutes"] = done.working_minutes
    return body


def _in_order(sequence: Sequence[Node], before: tuple[str, ...]) -> Iterator[tuple[Step | Decision, tuple[str, ...]]]:
    """Every step and decision with what may come right before it: a fork is no asset, a decision is one."""
    for entry in sequence:
        node = node_of(entry)
        if isinstance(node, Fork):
            for branch in node.branches:
                yield from _in_order(branch, before)
        else:
            yield node, before
            if isinstance(node, Decision):
                for rule in node.rules:
                    yield from _in_order(rule.steps, (node.id,))
        before = _ends((entry,), before)


def _ends(sequence: Sequence[Node], before: tuple[str, ...]) -> tuple[str, ...]:
    """The steps and decisions after which the sequence is over."""
    for entry in sequence:
        node = node_of(entry)
        if isinstance(node, Fork):
            before = tuple(dict.fromkeys(end for branch in node.branches for end in _ends(branch, before)))
        elif isinstance(node, Decision):
            before = tuple(dict.fromkeys(end for rule in node.rules for end in _ends(rule.steps, (node.id,))))
        else:
            before = (node.id,)
    return before


def _spec(
    template: Template, entry: Step | Decision, deps: Sequence[dg.AssetKey], linked: Sequence[str]
) -> dg.AssetSpec:
    kind = "decision" if isinstance(entry, Decision) else entry.kind
    metadata: dict[str, Any] = {"template": template.id, "template_version": template.version}
    metadata |= _of_decision(entry) if isinstance(entry, Decision) else _of_step(entry)
    if linked:
        metadata["opened_by_process_metrics"] = ", ".join(linked)
    what = f" {entry.description.en}" if entry.description is not None else _choices(entry)
    accountable = entry.accountable if isinstance(entry, Decision) else entry.raci.accountable
    return dg.AssetSpec(
        key=step_key(template.id, entry.id),
        deps=deps,
        group_name="process",
        description=f"{entry.title.en} ({entry.title.zh}).{what}",
        owners=[_team(_role(accountable))],
        kinds={_KINDS[kind]},
        tags={"trueloop/template": template.id, "trueloop/step": entry.id},
        metadata=metadata,
    )


def _choices(entry: Step | Decision) -> str:
    """What may be decided, for a step that describes itself no further."""
    if isinstance(entry, HumanStep):
        return f" Choices: {', '.join(outcome.title.en for outcome in entry.outcomes)}."
    return ""


def _of_decision(decision: Decision) -> dict[str, Any]:
    return {
        "sla_working_time": "at once",
        "accountable": _role(decision.accountable),
        "policy": decision.policy,
        "rules": ", ".join(rule.id for rule in decision.rules),
    }


def _of_step(step: Step) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "sla_working_time": sla_words(step),
        "responsible": ", ".join(responsible_roles(step)) or "nobody",
        "accountable": _role(step.raci.accountable),
        "consulted": ", ".join(step.raci.consulted) or "nobody",
        "informed": ", ".join(step.raci.informed) or "nobody",
    }
    if isinstance(step, ServiceStep):
        metadata |= {"job": step.job, "timeout": str(step.timeout), "attempts": step.attempts}
    elif isinstance(step, WaitStep) and step.signal is not None:
        metadata["signal"] = step.signal
    elif isinstance(step, ProcessStep):
        metadata["opens_process"] = step.template
    elif isinstance(step, HumanStep):
        back = [f"{outcome.id} -> {outcome.returns_to}" for outcome in step.outcomes if outcome.returns_to is not None]
        if back:
            metadata["returns"] = ", ".join(back)
        if step.vote is not None:
            metadata["vote"] = vote_words(step.vote)
    return metadata


def _role(reference: RoleRef) -> str:
    return reference if isinstance(reference, str) else reference.default


def _team(role: str) -> str:
    return f"team:{role}"
