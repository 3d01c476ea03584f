"""`./trueloop tokens`: who may write and read over the API. A token's text is shown once and stored as a hash."""

from __future__ import annotations

from dataclasses import asdict

import typer

from gateway import tokens
from gateway.commands.context import JSON_OPTION, open_platform
from gateway.commands.proposals import person_of
from gateway.terminal import fail, one_sentence_errors, print_json, show
from ops_assets.access_file import AccessFileError
from resources.access_tokens import DEFAULT_READER_ROLE
from workflow_jobs.cases import UnknownCase
from workflow_jobs.data_access import token_of
from workflow_jobs.wiring import process_service

app = typer.Typer(no_args_is_help=True, help="Tokens for the API.")
_COLUMNS = {
    "token_id": "ID",
    "name": "NAME",
    "scopes": "MAY",
    "reader_role": "READS AS",
    "departments": "DEPARTMENTS",
    "created_at": "CREATED (UTC)",
    "last_used_at": "LAST USED (UTC)",
    "revoked_at": "REVOKED (UTC)",
}


@app.command("create")
@one_sentence_errors(tokens.TokenError, AccessFileError)
def create(
    name: str = typer.Argument(help="Who uses it, such as 'WMS interface'."),
    scope: list[str] = typer.Option([tokens.EVENTS_WRITE], help="What it may do; repeatable."),
    role: str = typer.Option(DEFAULT_READER_ROLE, help="Reader role: what it sees (dbt_project/access.yml)."),
    department: list[str] = typer.Option([], help="Whose rows it sees, where its role filters; repeatable."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Make a token and show its text, once."""
    platform = open_platform()
    made = tokens.create_token(
        platform.ops_engine, name=name, scopes=scope, reader_role=role, departments=department, clock=platform.clock
    )
    if as_json:
        print_json({**asdict(made.token), "token": made.text})
        return
    print(made.text)
    print("This is shown once. Send it as `Authorization: Bearer <token>`.")


@app.command("collect")
@one_sentence_errors(tokens.TokenError, UnknownCase)
def collect(
    case_id: str = typer.Argument(help="Case of the data service subscription."),
    login: str = typer.Option(..., "--as", help="Your login in the people directory: the subscriber's."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Show the text of a token that a subscription granted to you, once."""
    platform = open_platform()
    person, _ = person_of(platform, login)
    case = process_service(platform).case(case_id)
    token_id = token_of(case)
    if token_id is None:
        fail(f"The case {case_id} has granted no token.")
    if case.requested_by != person:
        fail(f"The token of {case_id} is for whoever asked for it, and nobody else collects it.")
    made = tokens.collect_token(platform.ops_engine, token_id)
    if as_json:
        print_json({**asdict(made.token), "token": made.text})
        return
    print(made.text)
    print("This is shown once. Send it as `Authorization: Bearer <token>`.")


@app.command("list")
def list_tokens(as_json: bool = JSON_OPTION) -> None:
    """All tokens, revoked ones too; never their text."""
    rows = [asdict(token) for token in tokens.list_tokens(open_platform().ops_engine)]
    show(rows, _COLUMNS, as_json=as_json, empty="There are no tokens; `./trueloop tokens create NAME` makes one.")


@app.command("revoke")
@one_sentence_errors(tokens.TokenError)
def revoke(token_id: str, as_json: bool = JSON_OPTION) -> None:
    """Make a token useless from now on."""
    platform = open_platform()
    token = tokens.revoke_token(platform.ops_engine, token_id, clock=platform.clock)
    if as_json:
        print_json(asdict(token))
        return
    print(f"Token {token.token_id} ({token.name}) is revoked.")
