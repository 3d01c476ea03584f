"""What the service steps of a data service subscription do: grant a token to the subscriber, and revoke it.

The job never sees a secret: it prepares the token, and the subscriber has its secret made when he collects it
(`./trueloop tokens collect`). Does not belong here: Dagster (jobs), the table (resources.access_tokens).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final, Protocol

from sqlalchemy.engine import Engine

from ops_assets.access_file import load_access_policy
from resources.access_tokens import prepare_token, withdraw_token
from resources.clock import Clock
from resources.people import Directory
from workflow_jobs.engine.state import CaseState

READ: Final = "read"
# The reader role (dbt_project/access.yml) that sees data of the class and nothing above it.
ROLE_OF_CLASS: Final[Mapping[str, str]] = {"internal": "employee", "confidential": "analyst", "personal": "hr"}
GRANT: Final = "grant"


class GrantError(ValueError):
    """The access cannot be granted; the sentence says why. Trying again would not help."""


class Granting(Protocol):
    """What of the platform a grant needs."""

    @property
    def ops_engine(self) -> Engine: ...
    @property
    def clock(self) -> Clock: ...


def grant(platform: Granting, case: CaseState, people: Directory, idempotency_key: str) -> dict[str, Any]:
    """Prepare the subscriber's token; the same key again is the same token. Raises GrantError."""
    person = case.requested_by
    if person is None or person not in people:
        raise GrantError(f"The case {case.case_id} has no subscriber whom the people directory knows.")
    data_class = str(case.data.get("data_class"))
    role = ROLE_OF_CLASS.get(data_class)
    if role is None or role not in load_access_policy().roles:
        raise GrantError(f"No reader role of dbt_project/access.yml stands for the data class {data_class!r}.")
    department = people.person(person).department_id
    token_id = hashlib.sha256(idempotency_key.encode()).hexdigest()[:12]
    prepare_token(
        platform.ops_engine,
        token_id=token_id,
        name=f"Data subscription {case.case_id} of {people.name(person)}",
        scopes=[READ],
        reader_role=role,
        departments=[department] if department else [],
        now=platform.clock.now(),
    )
    return {
        "token_id": token_id,
        "reader_role": role,
        "summary": f"Token {token_id} is prepared for {people.name(person)}; its secret is made when it is collected.",
    }


def revoke(platform: Granting, case: CaseState) -> dict[str, Any]:
    """Make the token of the case useless, collected or not. A grant made by hand is revoked by hand."""
    token_id = token_of(case)
    if token_id is None:
        return {"summary": "No token was granted by a job: what was granted by hand is revoked by hand."}
    withdraw_token(platform.ops_engine, token_id, platform.clock.now())
    return {"token_id": token_id, "summary": f"Token {token_id} is revoked."}


def token_of(case: CaseState) -> str | None:
    """Id of the token that the case granted last; None where it granted none."""
    result = case.results.get(GRANT)
    token_id = result.get("token_id") if isinstance(result, Mapping) else None
    return str(token_id) if token_id is not None else None
