"""Each process step as an asset of Dagster's graph, and how a completed step is reported to it.

Belongs here: asset specs from templates, runless materialisations. Does not belong here: the jobs of service steps
(jobs). Human steps are external assets: people, not runs, materialise them. ``process/<template>/outcome`` stands
for the case's end; the platform's own source tables can depend on it, so that metric, steps, outcome and process
metric are one lineage.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import dagster as dg

from ops_assets.catalog import Watch
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.parts import RoleRef
from workflow_jobs.engine.template import HumanStep, ServiceStep, Template
from workflow_jobs.step_completion import StepCompletion, step_path

OUTCOME = "outcome"


def step_key(template_id: str, step_id: str) -> dg.AssetKey:
    """Asset key of a step."""
    return dg.AssetKey(step_path(template_id, step_id))


def step_asset_specs(
    templates: Iterable[Template], watches: Sequence[Watch] = (), *, process_metrics: Collection[str] = ()
) -> list[dg.AssetSpec]:
    """One spec for every step of every template, and one for each template's outcome.

    A first step depends on the metrics whose watch rules open the template. Metrics in ``process_metrics`` stand on the
    process's own history: a dependency on them would close a cycle, so they are only named in the metadata.
    """
    specs: list[dg.AssetSpec] = []
    for template in templates:
        layout = layout_of(template)
        triggers = sorted({watch.metric for watch in watches if watch.rule.template == template.id})
        linked = [metric for metric in triggers if metric in process_metrics]
        upstream = [dg.AssetKey(metric) for metric in triggers if metric not in process_metrics]
        followed: set[str] = set()
        for step in layout.steps():
            before = layout.predecessors(step.id)
            followed.update(before)
            deps = [step_key(template.id, previous) for previous in before] or upstream
            specs.append(_step_spec(template, step, deps, linked if not before else []))
        last = [step.id for step in layout.steps() if step.id not in followed]
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


def report_completions(instance: dg.DagsterInstance, completions: Sequence[StepCompletion]) -> None:
    """Report completed steps as runless materialisations, the case in the metadata and no partition."""
    for done in completions:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                asset_key=step_key(done.template_id, done.step_id),
                description=f"Case {done.case_id}: {done.outcome or 'completed'}",
                metadata=completion_metadata(done),
            )
        )


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


def _step_spec(
    template: Template, step: HumanStep | ServiceStep, deps: Sequence[dg.AssetKey], linked: Sequence[str]
) -> dg.AssetSpec:
    human = isinstance(step, HumanStep)
    responsible = [_role(step.raci.responsible)] if step.raci.responsible is not None else []
    if isinstance(step, HumanStep):
        responsible += [tier.responsible for tier in step.tiers]
    metadata: dict[str, Any] = {
        "template": template.id,
        "template_version": template.version,
        "sla_working_time": str(step.sla),
        "responsible": ", ".join(dict.fromkeys(responsible)),
        "accountable": _role(step.raci.accountable),
        "consulted": ", ".join(step.raci.consulted) or "nobody",
        "informed": ", ".join(step.raci.informed) or "nobody",
    }
    if isinstance(step, ServiceStep):
        metadata |= {"job": step.job, "timeout": str(step.timeout), "attempts": step.attempts}
    if linked:
        metadata["opened_by_process_metrics"] = ", ".join(linked)
    what = f" {step.description.en}" if step.description is not None else ""
    return dg.AssetSpec(
        key=step_key(template.id, step.id),
        deps=deps,
        group_name="process",
        description=f"{step.title.en} ({step.title.zh}).{what}",
        owners=[_team(_role(step.raci.accountable))],
        kinds={"human" if human else "job"},
        tags={"trueloop/template": template.id, "trueloop/step": step.id},
        metadata=metadata,
    )


def _role(reference: RoleRef) -> str:
    return reference if isinstance(reference, str) else reference.default


def _team(role: str) -> str:
    return f"team:{role}"
