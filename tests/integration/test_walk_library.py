"""The other templates of the library through every branch, on SQLite and PostgreSQL, reloaded between any two steps."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import Engine

from tests.template_walks import Walks, shipped_library, walk_every_branch

# For each template: somebody who asks for it, and how many times at least the case came back from the database.
LIBRARY = [
    ("after_sales", "q2", 100),
    ("data_incident", None, 3),
    ("data_service_subscription", "b1", 60),
    ("metric_definition_change", None, 10),
    ("supply_exception", None, 20),
]


@pytest.mark.parametrize(("template_id", "requester", "reloads"), LIBRARY)
def test_every_branch_of_the_template_is_taken(
    ops_engine: Engine, template_id: str, requester: str | None, reloads: int
) -> None:
    walks = walk_every_branch(Walks(shipped_library().get(template_id), ops_engine, requester=requester))
    assert walks.reloads >= reloads


def test_every_template_of_the_library_is_walked() -> None:
    elsewhere = {"new_product_introduction", "order_change"}
    assert {template_id for template_id, _, _ in LIBRARY} | elsewhere == set(shipped_library().ids())
