"""Dagster jobs of service steps.

Belongs here: the run of a service step: read the published snapshot, compute, hand the result to the case,
materialise the step's asset. Does not belong here: the computation itself (replanning) and the decision what
happens next (the engine).

A job is safe to run twice: it asks first whether the step still waits for its idempotency key.
"""

# No postponed annotations here: Dagster reads the op's annotations as they stand and cannot resolve texts.
from collections.abc import Mapping
from typing import Any

import dagster as dg

from ops_assets.definition_change.candidate import CandidateError
from ops_assets.definition_change.shadow import ShadowError
from resources.platform import Platform
from resources.serving import Snapshot
from workflow_jobs import data_access
from workflow_jobs.definition_cases import run_publish, run_shadow
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.state import CaseState
from workflow_jobs.replanning import OpenOrder, as_json, propose
from workflow_jobs.step_completion import step_path
from workflow_jobs.wiring import process_service


class ServiceStepConfig(dg.Config):
    """Which step of which case the run is for; all attempts of one visit share the idempotency key."""

    case_id: str
    step_id: str
    idempotency_key: str


@dg.op(
    name="replan_production",
    description="Proposes a new order for the work orders that wait for a supplier's items, and hands it to the case.",
)
def replan_production(
    context: dg.OpExecutionContext, config: ServiceStepConfig, platform: dg.ResourceParam[Platform]
) -> None:
    case = _waiting_case(context, config, platform)
    if case is not None:
        _hand_over(context, config, platform, case, replan(platform.snapshots.current(), case.subject_id))


@dg.op(
    name="shadow_definition",
    description="Computes a proposed definition beside the one in force, and hands the comparison to the case.",
)
def shadow_definition(
    context: dg.OpExecutionContext, config: ServiceStepConfig, platform: dg.ResourceParam[Platform]
) -> None:
    case = _waiting_case(context, config, platform)
    if case is None:
        return
    try:
        result = run_shadow(platform, case)
    except (ShadowError, CandidateError) as error:
        _fail_for_good(context, config, platform, error)
        raise dg.Failure(f"The proposed definition cannot be computed: {error}", allow_retries=False) from error
    _hand_over(context, config, platform, case, result)


@dg.op(
    name="publish_definition",
    description="Puts an approved definition in force, builds what it changes and publishes a snapshot with it.",
)
def publish_definition(
    context: dg.OpExecutionContext, config: ServiceStepConfig, platform: dg.ResourceParam[Platform]
) -> None:
    case = _waiting_case(context, config, platform)
    if case is not None:
        _, result = run_publish(platform, case, progress=context.log.info)
        _hand_over(context, config, platform, case, result)


@dg.op(
    name="grant_data_access",
    description="Prepares an access token for the subscriber of a data service; he collects its secret himself.",
)
def grant_data_access(
    context: dg.OpExecutionContext, config: ServiceStepConfig, platform: dg.ResourceParam[Platform]
) -> None:
    case = _waiting_case(context, config, platform)
    if case is None:
        return
    people = process_service(platform).directory()
    try:
        result = data_access.grant(platform, case, people, config.idempotency_key)
    except data_access.GrantError as error:
        _fail_for_good(context, config, platform, error)
        raise dg.Failure(f"The access cannot be granted: {error}", allow_retries=False) from error
    _hand_over(context, config, platform, case, result)


@dg.op(name="revoke_data_access", description="Revokes the access token of a data service subscription.")
def revoke_data_access(
    context: dg.OpExecutionContext, config: ServiceStepConfig, platform: dg.ResourceParam[Platform]
) -> None:
    case = _waiting_case(context, config, platform)
    if case is not None:
        _hand_over(context, config, platform, case, data_access.revoke(platform, case))


def _waiting_case(context: dg.OpExecutionContext, config: ServiceStepConfig, platform: Platform) -> CaseState | None:
    """The case of the step, None where it waits no more: another attempt was faster."""
    service = process_service(platform)
    known = service.service_step(config.idempotency_key)
    if known is None:
        raise dg.Failure(f"No case asked for the service step {config.idempotency_key}.")
    if known.status in ("done", "withdrawn"):
        context.log.info("The step is %s already; nothing to do.", known.status)
        return None
    return service.case(config.case_id)


def _fail_for_good(
    context: dg.OpExecutionContext, config: ServiceStepConfig, platform: Platform, error: Exception
) -> None:
    """Another attempt would say the same: the people who look after the step are asked at once."""
    process_service(platform).fail_service(
        config.case_id,
        config.step_id,
        context.run_id,
        str(error),
        final=True,
        idempotency_key=config.idempotency_key,
    )


def _hand_over(
    context: dg.OpExecutionContext,
    config: ServiceStepConfig,
    platform: Platform,
    case: CaseState,
    result: Mapping[str, Any],
) -> None:
    """Give the case the step's result and materialise the step's asset; ``result`` has a ``summary``."""
    try:
        process_service(platform).complete_service(
            config.case_id,
            config.step_id,
            context.run_id,
            result,
            idempotency_key=config.idempotency_key,
        )
    except Refused as refused:
        # Somebody was faster: another attempt, or a person who did it by hand.
        context.log.info("The result is not needed any more: %s", refused.sentence)
        return
    context.log_event(
        dg.AssetMaterialization(
            asset_key=step_path(case.template_id, config.step_id),
            description=f"Case {case.case_id}: {result['summary']}",
            metadata={
                "case_id": case.case_id,
                "subject_id": case.subject_id,
                **{
                    key: value if isinstance(value, str | int) else dg.MetadataValue.json(value)
                    for key, value in result.items()
                    if key != "summary"
                },
            },
        )
    )


_SERVICE_STEP: Mapping[str, str] = {"trueloop/kind": "service_step"}


@dg.job(
    name="replan_production_job",
    description="Service step of a supply exception: replans production around a supplier's late or rejected items.",
    tags=_SERVICE_STEP,
    executor_def=dg.in_process_executor,
)
def replan_production_job() -> None:
    replan_production()


@dg.job(
    name="shadow_definition_job",
    description="Service step of a definition change: computes the proposed definition beside the one in force.",
    tags=_SERVICE_STEP,
    executor_def=dg.in_process_executor,
)
def shadow_definition_job() -> None:
    shadow_definition()


@dg.job(
    name="publish_definition_job",
    description="Service step of a definition change: publishes the approved definition as a new version.",
    tags=_SERVICE_STEP,
    executor_def=dg.in_process_executor,
)
def publish_definition_job() -> None:
    publish_definition()


@dg.job(
    name="grant_data_access_job",
    description="Service step of a data service subscription: prepares the subscriber's access token.",
    tags=_SERVICE_STEP,
    executor_def=dg.in_process_executor,
)
def grant_data_access_job() -> None:
    grant_data_access()


@dg.job(
    name="revoke_data_access_job",
    description="Service step of a data service subscription: revokes the subscriber's access token.",
    tags=_SERVICE_STEP,
    executor_def=dg.in_process_executor,
)
def revoke_data_access_job() -> None:
    revoke_data_access()


def service_jobs() -> list[dg.JobDefinition]:
    """All jobs that service steps of templates may name."""
    return [
        replan_production_job,
        shadow_definition_job,
        publish_definition_job,
        grant_data_access_job,
        revoke_data_access_job,
    ]


def replan(snapshot: Snapshot | None, supplier_id: str) -> dict[str, Any]:
    """The proposal from a published snapshot; a snapshot without conformed rows has no open production to show."""
    if snapshot is None:
        return as_json(propose(supplier_id, [], []), snapshot_id="", as_of="")
    served = {row["table_name"] for row in snapshot.rows("select table_name from information_schema.tables")}
    items: list[str] = []
    orders: list[OpenOrder] = []
    if "fct_purchase_order_line" in served:
        found = snapshot.rows(
            "select distinct item_id from fct_purchase_order_line"
            " where supplier_id = ? and item_id is not null order by item_id",
            [supplier_id],
        )
        items = [str(row["item_id"]) for row in found]
    if "fct_work_order" in served:
        begun = (
            " and not exists (select 1 from fct_production_run as run where run.work_order_no = wo.work_order_no)"
            if "fct_production_run" in served
            else ""
        )
        found = snapshot.rows(
            "select work_order_no, line_code, item_id, cast(quantity as varchar) as quantity, planned_start"
            f" from fct_work_order as wo where event_date >= ? and planned_start is not null{begun}"
            " order by line_code, planned_start, work_order_no",
            [snapshot.as_of],
        )
        orders = [
            OpenOrder(
                work_order_no=str(row["work_order_no"]),
                line_code=str(row["line_code"]),
                item_id=str(row["item_id"]),
                quantity=str(row["quantity"]),
                planned_start=row["planned_start"],
            )
            for row in found
        ]
    return as_json(propose(supplier_id, items, orders), snapshot_id=snapshot.id, as_of=snapshot.as_of.isoformat())
