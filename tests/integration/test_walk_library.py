"""The other templates of the library through every branch, on SQLite and PostgreSQL, reloaded between any two steps."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.template_walks import Walks, shipped_library, walk_every_branch
from workflow_jobs.engine import events as e
from workflow_jobs.engine.question import DONE_BY_HAND
from workflow_jobs.store.tables import outbox

# For each template: somebody who asks for it, and how many times at least the case came back from the database.
LIBRARY = [
    ("after_sales", "q2", 100),
    ("data_incident", None, 3),
    ("data_service_subscription", "b1", 60),
    ("metric_definition_change", None, 10),
    ("supply_exception", None, 20),
]
# Who is informed of the job of a template: the step, and the holder of the informed role.
HEARS = {"data_service_subscription": ("grant", "d2"), "supply_exception": ("replan", "pm")}


@pytest.mark.parametrize(("template_id", "requester", "reloads"), LIBRARY)
def test_every_branch_of_the_template_is_taken(
    ops_engine: Engine, template_id: str, requester: str | None, reloads: int
) -> None:
    walks = walk_every_branch(Walks(shipped_library().get(template_id), ops_engine, requester=requester))
    assert walks.reloads >= reloads
    if template_id in HEARS:
        _heard_of_every_run(walks, *HEARS[template_id])


def _heard_of_every_run(walks: Walks, step: str, person: str) -> None:
    """Who is informed of a job has one message for each time that it was done, by its run or by hand."""
    service = walks.service()
    logs = [service.events(case.case_id) for case in service.cases()]
    done = [one for log in logs for one in log if isinstance(one, e.StepCompleted) and one.step_id == step]
    told = sa.select(outbox.c.dedupe_key).where(outbox.c.dedupe_key.like(f"%/informed/%{step}.%/{person}"))
    with walks.engine.connect() as connection:
        keys = [key.split("/") for (key,) in connection.execute(told)]
    by_run = sorted(key[0] for key in keys if "decided" in key)
    assert by_run == sorted(one.case_id for one in done if one.outcome == "completed")
    assert len(keys) - len(by_run) == sum(one.outcome == DONE_BY_HAND for one in done) > 0


def test_every_template_of_the_library_is_walked() -> None:
    elsewhere = {"new_product_introduction", "order_change"}
    assert {template_id for template_id, _, _ in LIBRARY} | elsewhere == set(shipped_library().ids())
