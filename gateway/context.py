"""What the gateway's routes share: the platform, the people, the process service, and whether a caller may ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from fastapi import Request

from gateway.embedded_slack.app import is_loopback
from gateway.problems import Problem
from gateway.rate_limit import RateLimit
from gateway.tokens import READ, Token, verify_token
from ops_assets.access import AccessPolicy, Reader
from ops_assets.access_file import access_policy_of
from ops_assets.ingestion.landing_schema import read_landing_schema
from ops_assets.semantic.queries import MetricQueries
from resources.clock import Clock
from resources.packs import SourcePack
from resources.people_reading import CurrentDirectory
from resources.platform import Platform
from resources.serving import Snapshot, SnapshotStore
from resources.settings import Settings
from workflow_jobs.service import ProcessService
from workflow_jobs.wiring import process_service


@dataclass(frozen=True)
class GatewayContext:
    """Everything one gateway process works with. Routes get it with :func:`context_of`."""

    platform: Platform
    engine: sa.Engine
    service: ProcessService
    directory: CurrentDirectory
    rate_limit: RateLimit
    sources: Mapping[str, tuple[str, ...]]
    access: AccessPolicy
    queries: MetricQueries
    """The semantic layer: it keeps compiled statements and answers, and MetricFlow global state: one a process."""

    @property
    def settings(self) -> Settings:
        return self.platform.settings

    @property
    def clock(self) -> Clock:
        return self.platform.clock

    @property
    def snapshots(self) -> SnapshotStore:
        return self.platform.snapshots

    @property
    def pack(self) -> SourcePack:
        return self.platform.pack

    def published(self) -> Snapshot:
        """The current snapshot; a 503 with what to do while nothing was published."""
        snapshot = self.snapshots.current()
        if snapshot is None:
            raise Problem(503, "Nothing was published yet. Run `./trueloop refresh`, or wait for the first refresh.")
        return snapshot


def build_context(settings: Settings, *, clock: Clock | None = None) -> GatewayContext:
    """Put a context together on the state folder of ``settings``; migrates the ops database.

    Raises AccessFileError for a wrong access policy, AccessRefused for a local reader role that it does not have.
    """
    platform = Platform(settings, clock=clock)
    access = access_policy_of(settings)
    access.rules(local_reader(settings))
    access.rules(Reader(name="slack", role=settings.slack_reader_role))
    return GatewayContext(
        platform=platform,
        engine=platform.ops_engine,
        service=process_service(platform),
        directory=platform.people,
        rate_limit=RateLimit(settings.event_rate_per_minute),
        sources=_declared_tables(platform),
        access=access,
        queries=MetricQueries(platform.snapshots, access, platform.clock.now),
    )


def _declared_tables(platform: Platform) -> Mapping[str, tuple[str, ...]]:
    """Tables that a source system of the pack may send events for, by system."""
    tables: dict[str, tuple[str, ...]] = {}
    for table in read_landing_schema(platform.pack.folder).tables:
        tables[table.system] = (*tables.get(table.system, ()), table.name)
    return tables


def context_of(request: Request) -> GatewayContext:
    context = request.app.state.context
    assert isinstance(context, GatewayContext), "create_app puts the context there"
    return context


def bearer_token(request: Request) -> Token | None:
    """The valid token of the request, or None without one. A token that is not valid is a 401, never ignored."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, text = header.partition(" ")
    context = context_of(request)
    token = verify_token(context.engine, text.strip(), clock=context.clock) if scheme.lower() == "bearer" else None
    if token is None:
        raise Problem(
            401,
            "The token is unknown, altered or revoked. `./trueloop tokens create` makes one; send it as "
            "`Authorization: Bearer <token>`.",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )
    return token


def require_scope(request: Request, scope: str) -> Token:
    """The request's token, which must have the scope. Raises Problem 401 or 403."""
    token = bearer_token(request)
    if token is None:
        raise Problem(
            401,
            f"This needs a token with the scope {scope}. `./trueloop tokens create` makes one; send it as "
            "`Authorization: Bearer <token>`.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if scope not in token.scopes:
        raise Problem(403, f"The token {token.name!r} has the scope {', '.join(token.scopes)}, but this needs {scope}.")
    return token


def local_reader(settings: Settings) -> Reader:
    """Whoever reads on this machine without a token."""
    return Reader(name="local", role=settings.local_reader_role)


def reader_of(request: Request, scope: str = READ) -> Reader:
    """Who reads: the token's reader role and departments, or the local reader on this machine.

    Raises Problem 401 or 403 like :func:`require_reader`, and 403 for a token whose role the policy no longer has.
    """
    token = require_reader(request, scope)
    context = context_of(request)
    if token is None:
        return local_reader(context.settings)
    if token.reader_role not in context.access.roles:
        raise Problem(
            403,
            f"The token {token.name!r} has the reader role {token.reader_role!r}, which dbt_project/access.yml does "
            f"not have. There are: {', '.join(context.access.roles)}.",
        )
    return Reader(name=token.name, role=token.reader_role, departments=frozenset(token.departments))


def require_reader(request: Request, scope: str) -> Token | None:
    """Reading needs no token on this machine; from elsewhere, or by a proxy's name, it needs one with the scope."""
    client = request.client.host if request.client else ""
    if is_loopback(client) and is_loopback(request.url.hostname or ""):
        return bearer_token(request)
    return require_scope(request, scope)
