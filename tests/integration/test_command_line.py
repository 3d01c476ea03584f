"""The command line on a published state folder: every command as table and as JSON, exit codes, bad input."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.commands.cases import _gist
from gateway.terminal import show_one
from resources.settings import PROJECT_ROOT
from tests.platform_world import UNTIL, PlatformWorld, PublishedHome, copied_world
from tests.process_world import request
from workflow_jobs.wiring import process_service

RATE = "metric_supplier_reject_rate"


@dataclass(frozen=True)
class Said:
    """What a command printed, apart, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def body(self) -> Any:
        return json.loads(self.out)


@dataclass
class Terminal:
    """Runs commands on one state folder in this process; ``run`` takes settings as keywords."""

    world: PlatformWorld
    case_id: str

    def run(self, *arguments: str, **settings: str) -> Said:
        values = {
            "HOME": str(self.world.home),
            "SOURCE_PACK": "dongchen",
            "AS_OF": UNTIL.isoformat(),
            # Nothing listens on port 1, whatever else runs on this machine.
            "GATEWAY_PORT": "1",
            "DAGSTER_PORT": "1",
            **settings,
        }
        before = {name: value for name, value in os.environ.items() if name.startswith("TRUELOOP_")}
        environment: dict[str, str | None] = dict.fromkeys(before)
        environment |= {f"TRUELOOP_{name}": value for name, value in values.items()}
        result = CliRunner().invoke(app, arguments, env=environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    def row_id(self) -> str:
        rows = self.run("quarantine", "list", "--json").body
        return str(next(row["id"] for row in rows if row["rule"] == "unit_price_plausible"))


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory, published: PublishedHome) -> Iterator[Terminal]:
    world = copied_world(tmp_path_factory.mktemp("terminal") / "home", published.home)
    case_id = process_service(world.platform).open_case(request("V000101", world.snapshot.id)).case_id
    yield Terminal(world, case_id)
    world.close()


READING = [
    ("status",),
    ("people",),
    ("people", "--role", "buyer", "--department", "Purchasing"),
    ("sources", "list"),
    ("sources", "check"),
    ("quarantine", "list"),
    ("quarantine", "list", "--status", "all"),
    ("quarantine", "list", "--files"),
    ("metrics", "list"),
    ("metrics", "show"),
    ("metrics", "show", RATE),
    ("metrics", "show", "supplier_reject_rate"),
    ("cases", "list"),
    ("snapshots", "list"),
    ("tokens", "list"),
]


def test_every_command_has_json() -> None:
    groups = [("", app), *((str(group.name), group.typer_instance) for group in app.registered_groups)]
    for name, group in groups:
        assert group is not None
        for command in group.registered_commands:
            assert command.callback is not None
            if not command.hidden:
                assert "as_json" in signature(command.callback).parameters, (name, command.name)


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_reading_commands_speak_to_people_and_to_programs(terminal: Terminal, command: tuple[str, ...]) -> None:
    for_people, for_programs = terminal.run(*command), terminal.run(*command, "--json")
    assert (for_people.code, for_programs.code) == (0, 0)
    assert for_people.out.strip()
    assert for_people.err == for_programs.err == ""
    assert for_programs.body is not None
    with pytest.raises(ValueError):
        json.loads(for_people.out)


def test_figures_are_those_of_the_snapshot(terminal: Terminal) -> None:
    world, publish = terminal.world, terminal.world.truth["metrics"][RATE]["publish"]
    whole = terminal.run("metrics", "show", RATE, "--json").body
    assert (whole["numerator"], whole["denominator"]) == (publish["numerator"], publish["denominator"])
    assert whole["shown"] == f"{publish['value']} %"
    assert whole["snapshot"] == world.snapshot.id
    assert {month["period_start"][:7] for month in whole["months"]} == set(world.truth["metrics"][RATE]["monthly"])
    listed = {row["metric"]: row for row in terminal.run("metrics", "list", "--json").body}
    assert set(listed) == set(world.definitions.catalog.metrics)
    assert listed[RATE]["shown"] in terminal.run("metrics", "list").out
    unavailable = listed["metric_sales_gross_margin"]
    assert (unavailable["state"], unavailable["value"]) == ("unavailable", None)
    assert "needs sale_line" in terminal.run("metrics", "show").out


def test_status_counts_what_there_is(terminal: Terminal) -> None:
    body = terminal.run("status", "--json").body
    assert body["state_folder"] == str(terminal.world.home)
    assert body["snapshot"] == terminal.world.snapshot.id
    assert body["open_cases"] == 1
    assert body["gateway"].startswith("not running")


def test_a_case_is_shown_whole(terminal: Terminal) -> None:
    shown = terminal.run("cases", "show", terminal.case_id)
    assert (shown.code, "CaseOpened" in shown.out) == (0, True)
    body = terminal.run("cases", "show", terminal.case_id, "--json").body
    assert (body["case"], body["status"]) == (terminal.case_id, "open")
    (task,) = body["tasks"]
    assert task["step"] == "judge"
    assert terminal.run("cases", "list", "--status", "cancelled").out == "There are no such cases.\n"


def test_a_case_is_shown_in_names_and_with_the_zone_of_its_times(terminal: Terminal) -> None:
    lines = terminal.run("cases", "show", terminal.case_id).out.splitlines()
    body = terminal.run("cases", "show", terminal.case_id, "--json").body
    (task,) = body["tasks"]
    due = datetime.fromisoformat(task["due_at"]).strftime("%Y-%m-%d %H:%M UTC")
    assert any(line.startswith("  ") and task["who"] in line and due in line for line in lines)
    (created,) = (line for line in lines if "TaskCreated" in line)
    assert f"assignee={task['who']}" in created
    assert re.search(r"\d 2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d UTC", created.replace("  ", " "))
    data = lines[lines.index("data:") + 1 : lines.index("tasks:")]
    assert f"  as_of: {body['data']['as_of']}" in data
    assert not any("{" in line for line in data)


def test_the_log_says_from_when_to_when_a_clock_moved_and_why() -> None:
    moved = {
        "type": "ClockRecomputed", "due_at": "2026-11-25T09:00:00+00:00", "reason": "the working calendar changed",
        "previous_due_at": "2026-11-24T09:00:00+00:00",
    }  # fmt: skip
    assert _gist(moved, str) == (
        "reason=the working calendar changed, from=2026-11-24 09:00:00 UTC, to=2026-11-25 09:00:00 UTC"
    )


def test_fields_within_a_field_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"price": 3, "why": {"en": "More."}, "points": [{"label": "2026-10", "value": "0.1"}], "none": {}}
    show_one({"case": "C-1", "data": data, "at": datetime(2026, 11, 23, 9, tzinfo=UTC)}, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "case  C-1",
        "data:",
        "  price: 3",
        "  why:",
        "    en: More.",
        "  points:",
        "    - label: 2026-10, value: 0.1",
        "  none: -",
        "at    2026-11-23 09:00 UTC",
    ]


def test_quarantined_rows_are_shown_retried_and_discarded(terminal: Terminal) -> None:
    row_id = terminal.row_id()
    shown = terminal.run("quarantine", "show", row_id, "--json").body
    assert (shown["rule"], shown["status"]) == ("unit_price_plausible", "open")
    assert terminal.run("quarantine", "show", row_id).code == 0
    asked = terminal.run("quarantine", "retry", row_id, "--set", "unit_price=1.00", "--by", "li.wei")
    assert (asked.code, "next refresh" in asked.out) == (0, True)
    assert terminal.run("quarantine", "show", row_id, "--json").body["edited"]["unit_price"] == "1.00"
    unknown = terminal.run("quarantine", "retry", row_id, "--set", "price=1")
    assert (unknown.code, "has no column 'price'" in unknown.err) == (1, True)
    blank = terminal.run("quarantine", "discard", row_id, "--reason", " ")
    assert (blank.code, "Say why" in blank.err) == (1, True)
    pair = terminal.run("quarantine", "retry", row_id, "--set", "unit_price")
    assert (pair.code, "column=value" in pair.err) == (1, True)
    requested = terminal.run("quarantine", "retry", row_id, "--set", "unit_price=2.00", "--json").body
    assert requested == {"id": row_id, "retry": "requested"}
    gone = terminal.run("quarantine", "discard", row_id, "--reason", "test price", "--by", "li.wei", "--json")
    assert (gone.code, gone.body["status"], gone.body["resolution"]) == (0, "discarded", "test price")
    again = terminal.run("quarantine", "retry", row_id)
    assert (again.code, "discarded" in again.err) == (1, True)
    (file, *_) = terminal.run("quarantine", "list", "--files", "--json").body
    refused = terminal.run("quarantine", "retry", "x", "--file", "--reason", "y")
    assert (refused.code, "number" in refused.err) == (1, True)
    released = terminal.run("quarantine", "retry", str(file["id"]), "--file", "--reason", "")
    assert (released.code, "Say why" in released.err) == (1, True)


def test_tokens_are_made_listed_without_their_text_and_revoked(terminal: Terminal) -> None:
    made = terminal.run("tokens", "create", "WMS interface", "--json").body
    plain = terminal.run("tokens", "create", "Second").out
    assert "shown once" in plain
    listed = terminal.run("tokens", "list", "--json")
    assert made["token"] not in listed.out
    assert {token["name"] for token in listed.body} == {"WMS interface", "Second"}
    revoked = terminal.run("tokens", "revoke", made["token_id"], "--json").body
    assert (revoked["token_id"], revoked["revoked_at"] is None) == (made["token_id"], False)
    assert "revoked_at" in terminal.run("tokens", "list", "--json").out
    assert terminal.run("tokens", "revoke", "nonsense").code == 1
    assert terminal.run("tokens", "create", "x", "--scope", "everything").code == 1


def test_a_rollback_holds_until_it_is_resumed(terminal: Terminal) -> None:
    only = terminal.run("snapshots", "rollback", "--reason", "wrong file")
    assert (only.code, "oldest one kept" in only.err) == (1, True)
    assert terminal.run("snapshots", "rollback", "nonsense", "--reason", "x").code == 1
    assert terminal.run("snapshots", "rollback").code == 2, "a reason is asked for"
    current = terminal.world.snapshot.id
    assert terminal.run("snapshots", "rollback", current, "--reason", "wrong file").code == 0
    assert "rolled back: wrong file" in terminal.run("snapshots", "list").out
    assert terminal.run("snapshots", "resume").code == 0
    rolled = terminal.run("snapshots", "rollback", current, "--reason", "again", "--json").body
    assert rolled["id"] == terminal.run("snapshots", "resume", "--json").body["id"] == current
    (row,) = terminal.run("snapshots", "list", "--json").body
    assert (row["current"], row["note"]) == ("*", "")


WRONG: list[tuple[tuple[str, ...], dict[str, str], str]] = [
    (("metrics", "show", "margin"), {}, "There is no metric 'margin'. Known: "),
    (("metrics", "release", "margin", "--by", "x", "--reason", "y"), {}, "There is no metric 'margin'."),
    (("cases", "show", "C-0"), {}, "C-0"),
    (("people", "--role", "byer"), {}, "There is no role 'byer'; did you mean buyer?"),
    (("people", "--department", "x"), {}, "There is no department 'x' (there are: D01 Management, "),
    (("quarantine", "show", "nonsense"), {}, "nonsense"),
    (("quarantine", "list", "--status", "closed"), {}, "There is no status 'closed'; use one of open"),
    (("status",), {"GATEWAY_PORT": "99999"}, "TRUELOOP_GATEWAY_PORT: Input should be less than or equal to 65535"),
    (("status",), {"GATEWAY_PORT": "http"}, "TRUELOOP_GATEWAY_PORT: Input should be a valid integer"),
    (("status",), {"FEED": "maybe"}, "TRUELOOP_FEED: "),
    (("status",), {"AS_OF": "21.11.2026"}, "TRUELOOP_AS_OF: "),
    (("status",), {"DATABASE_URL": "nonsense"}, "TRUELOOP_DATABASE_URL: "),
    (("status",), {"SOURCE_PACK": "acme"}, "There is no source pack 'acme'. TRUELOOP_SOURCE_PACK may be one of: "),
    (("status",), {"SOURCE_PACK": "adventureworks"}, "belongs to the source pack 'dongchen'"),
    (("refresh",), {"SOURCE_DIR": "/nowhere/at/all"}, "TRUELOOP_SOURCE_DIR is /nowhere/at/all, which is no folder."),
    (("sources", "check"), {"SOURCE_DIR": "/nowhere/at/all"}, "TRUELOOP_SOURCE_DIR is /nowhere/at/all"),
]


@pytest.mark.parametrize(("command", "settings", "sentence"), WRONG, ids=lambda value: str(value)[:60])
def test_bad_input_ends_with_a_sentence(
    terminal: Terminal, command: tuple[str, ...], settings: dict[str, str], sentence: str
) -> None:
    said = terminal.run(*command, **settings)
    assert said.code == 1, said
    assert sentence in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


def test_a_state_folder_that_cannot_be_used_is_named(terminal: Terminal, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("x")
    for home in (in_the_way, in_the_way / "below"):
        said = terminal.run("status", HOME=str(home))
        assert (said.code, said.out) == (1, "")
        assert f"The state folder {home} cannot be written" in said.err
        assert "TRUELOOP_HOME" in said.err
    assert in_the_way.read_text() == "x"


def test_an_empty_folder_says_what_to_do_first(terminal: Terminal, tmp_path: Path) -> None:
    for command in (("metrics", "list"), ("metrics", "show"), ("metrics", "show", RATE)):
        said = terminal.run(*command, HOME=str(tmp_path / "new"))
        assert (said.code, "run `./trueloop refresh` first" in said.err) == (1, True)
    assert terminal.run("snapshots", "list", HOME=str(tmp_path / "new")).code == 0
    assert terminal.run("status", "--json", HOME=str(tmp_path / "new")).body["snapshot"] is None
    assert terminal.run("sources", "check", "--json", HOME=str(tmp_path / "new")).body is not None


def test_sources_check_judges_what_waits_and_loads_nothing(terminal: Terminal) -> None:
    name = "erp/order_changes_2026-11-22.csv"
    header = "change_no,order_no,line_no,requested_at,approved_at,kind\n"
    row = "CH9,SO2026000001,1,2026-11-20 10:00:00,2026-11-19 10:00:00,date\n"
    path = terminal.world.landing / name
    path.write_text(header + row, encoding="utf-8")
    try:
        for _ in range(2):
            said = terminal.run("sources", "check")
            assert said.code == 1, "something would be refused"
            assert "approved_after_requested" in said.out
        tables = {entry["table"]: entry for entry in terminal.run("sources", "check", "--json").body if entry["files"]}
        assert list(tables) == ["order_changes"]
        assert tables["order_changes"]["rows"] == 1
    finally:
        path.unlink()


def test_refresh_waits_for_the_end_and_says_how_it_ended(
    copy_world: Callable[..., PlatformWorld], published: PublishedHome
) -> None:
    world = copy_world(published.home)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRUELOOP_")}
    environment |= {"TRUELOOP_HOME": str(world.home), "TRUELOOP_AS_OF": UNTIL.isoformat()}
    environment |= {"TRUELOOP_GATEWAY_PORT": "1", "TRUELOOP_DAGSTER_PORT": "1"}

    def refresh(*options: str) -> Said:
        command = [sys.executable, "-m", "gateway.cli", "refresh", *options]
        done = subprocess.run(
            command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        return Said(done.returncode, done.stdout, done.stderr)

    # Runs with more pieces than the machine can make cross the red line of one metric: exit code 3.
    run = {"wo_no": "WO-T", "line_code": "L01", "item_code": "x", "planned_minutes": 60, "good_count": 1,
           "machine_time": "2026-11-20 10:00:00", "server_time": "2026-11-20 10:00:00",
           "ideal_cycle_seconds": "30.00"}  # fmt: skip
    bad = [{**run, "run_id": f"RUN-T{number}", "total_count": 100_000} for number in range(40)]
    world.post("mes", "production_runs", bad)
    held = refresh("--json")
    assert held.code == 3, held
    assert held.body["published"] is True
    assert held.body["metrics"]["held"] == 1
    assert held.body["snapshot"] == world.snapshot.id
    (incident,) = process_service(world.platform).cases(status="open", template="data_incident")
    assert incident.subject_id == "metric_line_performance"

    world.post("mes", "production_runs", [{**row, "total_count": 2} for row in bad], name="mended")
    mended = refresh()
    assert mended.code == 0, mended
    assert "rows in = 40 loaded + 0 quarantined" in mended.out, "progress is shown"
    assert {row["state"] for row in world.snapshot.rows("select state from metrics")} == {"published", "unavailable"}
    assert process_service(world.platform).cases(status="open", template="data_incident") == []
