"""``create_app``: the whole gateway put together. Nothing is decided here."""

from __future__ import annotations

import logging
import time
import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from gateway import (
    analysis_page,
    api_docs,
    board,
    case_page,
    cases_api,
    cases_board,
    events_api,
    evidence_api,
    explain_api,
    explain_pages,
    figure_rows,
    health,
    home,
    incident_pages,
    lineage_pages,
    metric_pages,
    metrics_api,
    outbox_pages,
    proposal_pages,
    query_api,
    signals_api,
    trust_pages,
)
from gateway.body_limit import BodyLimit
from gateway.context import GatewayContext, build_context
from gateway.dagster_status import ask_dagster
from gateway.embedded_people import directory_members
from gateway.embedded_slack.acting import SlashCommand
from gateway.embedded_slack.app import create_embedded_slack
from gateway.embedded_slack.workspace import Workspace
from gateway.heartbeat_watch import HeartbeatWatch
from gateway.kicked_thread import KickedThread
from gateway.pages import STATIC_DIR, page
from gateway.plain_addresses import PlainAddresses
from gateway.problems import Problem, install_problems
from gateway.slack import SlackHandler, build_bolt
from gateway.slack_case_handler import SlackCaseHandler
from gateway.slack_commands import COMMAND, USAGE, SlackCommands
from gateway.slack_evidence import SlackEvidence
from gateway.slack_home import HomeTabs
from gateway.slack_opening import SlackOpening
from gateway.slack_people import SlackPeople
from gateway.slack_routes import slack_routes
from gateway.slack_wait_handler import SlackWaitHandler
from gateway.step_reports import FEW, report_completions
from resources.built_once import built_once
from resources.clock import Clock
from resources.settings import PROJECT_ROOT, Settings
from resources.slack import SlackClient
from resources.slack_connection import EmbeddedSecrets, SlackConnection, slack_connection
from workflow_jobs.delivery.outbox import CHANNEL_GAP, deliver_due
from workflow_jobs.delivery.pictures import SlackPictures
from workflow_jobs.delivery.targets import load_slack_users
from workflow_jobs.evidence_kinds import LARGEST_FILE

DESCRIPTION = (
    "Post events of your source systems, read published metrics and the cases that they open. Reading needs no token "
    "on this machine; writing needs one (`./trueloop tokens create`). Errors are problem+json with a sentence in "
    "`detail`."
)
# A file with what goes around it; the embedded Slack takes several in one form, and refuses those that are too large.
_FILES = (
    (r"/api/v1/cases/[^/]+/files", LARGEST_FILE + 65_536),
    (r"/embedded-slack/(submit|close|act|upload/[^/]+)", 10 * (LARGEST_FILE + 65_536)),
)
_log = logging.getLogger(__name__)


def create_app(settings: Settings, *, clock: Clock | None = None) -> FastAPI:
    """The gateway as an ASGI application on the state folder of ``settings``.

    ``app.state.workspace`` is the embedded Slack's workspace, or None; ``app.state.delivery`` sends the outbox when
    kicked. Raises SlackSettingsError for contradicting tokens, SlackUsersFileError for an unreadable mapping file.
    """
    context = build_context(settings, clock=clock)
    connection = slack_connection(settings)
    slack = _SlackParts(context, connection)
    workspace = _workspace(context, connection) if connection.embedded else None
    watch = HeartbeatWatch(context.service, lambda: ask_dagster(settings.dagster_url), slack.delivery.kick)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        slack.delivery.start()
        slack.homes.start()
        watch.start()
        slack.connect_socket()
        try:
            yield
        finally:
            watch.stop()
            slack.close()
            if workspace is not None:
                workspace.close()
            context.engine.dispose()

    app = FastAPI(
        title="Trueloop",
        version=_version(),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.add_middleware(BodyLimit, most=settings.event_body_limit, larger=_FILES)
    app.add_middleware(PlainAddresses)
    app.state.context = context
    app.state.workspace = workspace
    app.state.delivery = slack.delivery
    install_problems(
        app,
        unknown_page=lambda request: page(request, "page_unknown.html", status=404, path=request.url.path),
        problem_page=_problem_page,
    )
    for module in (
        events_api,
        metrics_api,
        query_api,
        cases_api,
        signals_api,
        cases_board,
        # Before the page of a case, which would take its last word for a case's id.
        analysis_page,
        case_page,
        health,
        home,
        incident_pages,
        lineage_pages,
        trust_pages,
        explain_api,
        explain_pages,
        figure_rows,
        board,
        metric_pages,
        proposal_pages,
        outbox_pages,
        evidence_api,
        api_docs,
    ):
        app.include_router(module.router)
    if not connection.app_token:
        app.include_router(slack_routes(slack.bolt, connection.signing_secret))
    _add_dbt_docs(app, settings.dbt_docs_dir)
    app.mount("/static", StaticFiles(directory=STATIC_DIR), name="static")
    if workspace is not None:
        _add_embedded_slack(app, workspace, settings, ZoneInfo(context.pack.time_zone))
    _describe_tokens(app)
    return app


def _version() -> str:
    """Trueloop's version, which stands in pyproject.toml alone."""
    project: dict[str, str] = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["version"]


class _SlackParts:
    """The Slack handler, its Bolt application and the delivery thread, which know each other."""

    def __init__(self, context: GatewayContext, connection: SlackConnection) -> None:
        users = load_slack_users(context.settings.slack_users_file)
        client = SlackClient(connection.bot_token, base_url=connection.base_url)

        pictures = SlackPictures(
            context.engine, context.snapshots, client, context.clock, access=lambda: context.access
        )

        def deliver() -> int:
            done = deliver_due(
                context.engine,
                clock=context.clock,
                slack=client,
                report=lambda steps: report_completions(context.settings.dagster_url, steps),
                few_reports=FEW,
                slack_users=users,
                pictures=pictures,
                # The embedded Slack is this very process and needs no sparing.
                channel_gap=0.0 if connection.embedded else CHANNEL_GAP,
            )
            if done.paced and not done.sent:
                # Nothing but messages that a channel shall not get yet: look again soon, not at once.
                time.sleep(CHANNEL_GAP / 2)
            return done.sent + done.paced

        # A click waits at most three seconds in all, so its look-ups may not take as long as a delivery may.
        quick = SlackClient(connection.bot_token, base_url=connection.base_url, timeout=2)
        people = SlackPeople(quick, context.directory, pack=context.pack.name, mapping=users, clock=context.clock)
        self.delivery = KickedThread(
            "gateway-delivery", deliver, "delivering the outbox after a click failed; the outbox sensor tries again"
        )
        self.homes = HomeTabs(context, people, quick)

        def acted(person_id: str) -> None:
            self.delivery.kick()
            self.homes.changed(person_id)

        files = SlackEvidence(client, evidence_api.evidence_of(context))
        self._handler = SlackHandler(context.service, people, quick, acted, files, context.settings.language)
        self._cases = SlackCaseHandler(context.service, people, quick, acted, context.settings.language)
        self._waits = SlackWaitHandler(context.service, people, quick, acted, files, context.settings.language)
        self._opening = SlackOpening(context, people, quick, acted)
        self._commands = SlackCommands(context, people, quick, self._opening)
        self._connection = connection
        self._socket: SocketModeHandler | None = None

    @built_once
    def bolt(self) -> App:
        client = _web_client(self._connection)
        # Over Socket Mode nothing is signed; Bolt still wants a text.
        secret = self._connection.signing_secret or "socket-mode"
        handlers = (self._handler, self._commands, self._opening, self.homes, self._cases, self._waits)
        return build_bolt(*handlers, client=client, signing_secret=secret)

    def connect_socket(self) -> None:
        """With an app token, open Socket Mode: Slack then needs no address of ours."""
        if self._connection.app_token:
            self._socket = SocketModeHandler(self.bolt, self._connection.app_token)
            self._socket.connect()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        self.delivery.stop()
        self.homes.stop()
        if self._socket is not None:
            self._socket.close()  # type: ignore[no-untyped-call]


def _web_client(connection: SlackConnection) -> WebClient:
    """Bolt's client: it looks up who the bot is, once, within the time that a click may take."""
    client = WebClient(token=connection.bot_token, base_url=connection.base_url, timeout=2, retry_handlers=[])
    if connection.embedded:
        client.proxy = None  # a proxy of the environment would look for 127.0.0.1 on its own machine
    return client


def _workspace(context: GatewayContext, connection: SlackConnection) -> Workspace:
    return Workspace(
        context.settings.home / "embedded_slack.db",
        clock=context.clock,
        secrets=EmbeddedSecrets(connection.bot_token, connection.signing_secret),
        people=directory_members(context.directory, context.pack.name),
        channels=[(context.settings.slack_channel, "Every case, kept up to date, and notices for everybody")],
    )


def _add_embedded_slack(app: FastAPI, workspace: Workspace, settings: Settings, zone: ZoneInfo) -> None:
    @app.get("/embedded-slack", include_in_schema=False)
    def without_slash() -> Response:
        return RedirectResponse("/embedded-slack/")

    embedded = create_embedded_slack(
        workspace,
        events_url=f"{settings.gateway_url}/slack/events",
        public_url=f"{settings.gateway_url}/embedded-slack",
        zone=zone,
        commands=[SlashCommand(COMMAND, "Look up figures and cases, open a case", USAGE)],
    )
    app.mount("/embedded-slack", embedded, name="embedded_slack")


def _add_dbt_docs(app: FastAPI, folder: Path) -> None:
    files = StaticFiles(directory=folder, html=True, check_dir=False)

    @app.get("/dbt", include_in_schema=False)
    def without_slash() -> Response:
        return RedirectResponse("/dbt/")

    @app.get("/dbt/{path:path}", include_in_schema=False)
    async def dbt_docs(path: str) -> Response:
        """The docs are generated inside a refresh, so the folder may come later than the gateway."""
        name = path or "index.html"
        if not (folder / name).is_file() or not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise Problem(404, "There are no dbt docs here (yet). They are generated by the first refresh.")
        return await files.get_response(name, {"type": "http", "method": "GET", "headers": []})


def _describe_tokens(app: FastAPI) -> None:
    """Name the bearer token in the OpenAPI description."""

    def openapi() -> dict[str, object]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schema.setdefault("components", {})["securitySchemes"] = {
                "bearer": {"type": "http", "scheme": "bearer", "description": "Made by `./trueloop tokens create`."}
            }
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _problem_page(request: Request, status: int, said: str, headers: Mapping[str, str]) -> Response:
    """What a browser shows of an error; where something was asked besides the page, a way to the page without it."""
    plain = request.url.path if request.query_params else None
    return page(request, "page_problem.html", status=status, headers=headers, said=said, plain=plain)
