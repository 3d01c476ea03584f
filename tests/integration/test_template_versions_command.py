"""`./trueloop templates versions|rollback|release|migrate|replay` and `tokens collect` on a published state folder."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.stack_lock import take_stack_lock
from tests.engine_world import human, small
from tests.platform_world import UNTIL, PlatformWorld, PublishedHome, copied_world
from tests.process_world import request
from workflow_jobs.data_access import grant
from workflow_jobs.engine.template import Template, load_template, template_hash
from workflow_jobs.store import case_rows
from workflow_jobs.template_library import TEMPLATES_FOLDER
from workflow_jobs.wiring import library, process_service

ID = "supply_exception"
OTHER = small(f"- {human('look')}\n").text.replace("id: small", "id: other")
Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, published: PublishedHome) -> Iterator[PlatformWorld]:
    made = copied_world(tmp_path_factory.mktemp("versions") / "home", published.home)
    yield made
    made.close()


@pytest.fixture
def run(world: PlatformWorld) -> Run:
    """Runs a command; exit code, and what it said on either stream."""
    settings = {"HOME": str(world.home), "SOURCE_PACK": "dongchen", "AS_OF": UNTIL.isoformat()}

    def command(*arguments: str, **more: str) -> tuple[int, str]:
        environment: dict[str, str | None] = {name: None for name in os.environ if name.startswith("TRUELOOP_")}
        environment |= {f"TRUELOOP_{name}": value for name, value in (settings | more).items()}
        result = CliRunner().invoke(app, arguments, env=environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout or result.stderr

    return command


def earlier(world: PlatformWorld) -> Template:
    """An earlier version in the store, as if it had been in use: finance's step is called otherwise."""
    now = library(TEMPLATES_FOLDER).get(ID)
    text = now.text.replace(f"version: {now.version}", "version: 1").replace("- id: promise", "- id: tell_customer")
    made = load_template(text, file=now.file)
    with world.platform.ops_engine.begin() as connection:
        case_rows.keep_template(connection, made.hash, made.id, made.text, world.platform.clock.now())
    return made


def login_of(world: PlatformWorld, role: str) -> tuple[str, str]:
    """(login, person id) of somebody who holds the role."""
    rows = world.snapshot.rows(
        "select p.login, p.person_id from people p join person_roles r using (person_id) where r.role = ?"
        " and p.login is not null order by 2 limit 1",
        [role],
    )
    return str(rows[0]["login"]), str(rows[0]["person_id"])


def test_an_earlier_version_comes_back_and_goes_and_cases_move(world: PlatformWorld, run: Run) -> None:
    service, newest, old = process_service(world.platform), library(TEMPLATES_FOLDER).get(ID), earlier(world)
    login, person = login_of(world, "purchasing_manager")
    first = service.open_case(request("V000101", world.snapshot.id)).case_id
    _, said = run("templates", "versions", ID, "--json")
    rows = {row["hash"]: row for row in json.loads(said)["versions"]}
    assert [rows[one.hash]["in_force"] for one in (old, newest)] == [False, True]
    assert rows[newest.hash]["open_cases"] == 1

    code, said = run("templates", "rollback", ID, "--to", old.hash[7:19], "--as", login)
    assert (code, said.strip()) == (0, f"Version 1 of {ID} ({old.hash[7:19]}) is in force for new cases.")
    second = service.open_case(request("V000102", world.snapshot.id)).case_id
    assert service.case(second).template_hash == old.hash, "the service was not started again"
    _, said = run("templates", "versions", ID)
    assert "in force" in said and "rollback" in said and service.directory().name(person) in said

    code, said = run("templates", "replay", ID, "--cases", "5")
    assert code == 0 and "2 cases played: 2 the same way, 0 another way, 0 of them stop" in said
    code, said = run("templates", "release", ID, "--as", login)
    assert code == 0 and f"Version {newest.version} of {ID}" in said
    code, said = run("templates", "release", ID, "--as", login)
    assert code == 1 and "in force already" in said

    code, said = run("templates", "migrate", ID, "--as", login, "--dry-run", "--json")
    (row,) = json.loads(said)
    assert (code, row["case_id"], row["result"]) == (0, second, "would move")
    assert service.case(second).template_hash == old.hash
    code, said = run("templates", "migrate", ID, "--as", login)
    assert code == 0 and "moved" in said
    assert service.case(second).template_hash == newest.hash
    code, said = run("templates", "migrate", ID, "--as", login)
    assert code == 0 and "follows that version already" in said
    code, said = run("templates", "migrate", ID, "--as", login, "--case", first)
    assert code == 1 and "stays" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rollback", "no_such"), "there is no template 'no_such'"),
        (("rollback", ID, "--to", "ffffffff"), "there is no version 'ffffffff'"),
        (("rollback", ID, "--to", "ff"), "there is no version"),
        (("migrate", ID, "--case", "C-999999"), "There is no case 'C-999999'"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(
    world: PlatformWorld, run: Run, arguments: tuple[str, ...], said: str
) -> None:
    code, printed = run("templates", *arguments, "--as", login_of(world, "purchasing_manager")[0])
    assert code == 1 and said in printed
    code, printed = run("templates", *arguments, "--as", "nobody.here")
    assert code == 1 and "no login 'nobody.here'. `./trueloop people` lists all" in printed


def test_a_login_with_a_slip_is_guessed(world: PlatformWorld, run: Run) -> None:
    login = login_of(world, "purchasing_manager")[0]
    code, printed = run("templates", "rollback", ID, "--as", f"{login}x")
    assert code == 1 and re.search(rf"Did you mean .*\b{re.escape(login)}\b", printed)


@pytest.mark.parametrize("command", ["rollback", "release", "migrate"])
def test_only_who_answers_for_a_template_changes_what_is_in_force(world: PlatformWorld, run: Run, command: str) -> None:
    login, _ = login_of(world, "buyer")
    code, printed = run("templates", command, ID, "--as", login)
    assert code == 1 and f"{login} does not answer for {ID}: that takes the role purchasing_manager" in printed


def test_only_the_subscriber_collects_his_token_and_only_once(world: PlatformWorld, run: Run) -> None:
    service = process_service(world.platform)
    login, person = login_of(world, "buyer")
    asked = request(
        "reject_rate",
        world.snapshot.id,
        template_id="data_service_subscription",
        rule_id="people",
        requested_by=person,
        metric="",
        direction="",
        observed=None,
        threshold=None,
        as_of=None,
        data={"data_set": "x", "purpose": "y", "data_class": "internal", "access_until": "2030-01-31"},
    )
    case_id = service.open_by_person(asked).case_id
    code, said = run("tokens", "collect", case_id, "--as", login)
    assert code == 1 and "granted no token" in said
    while tasks := service.case(case_id).open_tasks:
        service.decide_task(tasks[0].task_id, tasks[0].version, tasks[0].assignee or "", "agree", {}, "test")
    _grant(world, case_id)
    other = login_of(world, "cfo")[0]
    code, said = run("tokens", "collect", case_id, "--as", other)
    assert code == 1 and "nobody else collects it" in said
    code, said = run("tokens", "collect", case_id, "--as", login, "--json")
    made: dict[str, Any] = json.loads(said)
    assert code == 0 and made["token"].startswith(f"tl_{made['token_id']}_")
    code, said = run("tokens", "collect", case_id, "--as", login)
    assert code == 1 and "collected already" in said
    assert made["token"] not in run("tokens", "list", "--json")[1]


def _grant(world: PlatformWorld, case_id: str) -> None:
    service = process_service(world.platform)
    due = next(step for step in service.due_service_steps() if step.case_id == case_id)
    result = grant(world.platform, service.case(case_id), service.directory(), due.idempotency_key)
    service.complete_service(case_id, due.step_id, "run-1", result, idempotency_key=due.idempotency_key)


@pytest.fixture
def folder(world: PlatformWorld, tmp_path: Path) -> Iterator[Path]:
    """A folder in which the template was changed after a stack had started with what was there before."""
    kept, drafts = world.platform.settings.started_templates_dir, tmp_path / "drafts"
    now = library(TEMPLATES_FOLDER).get(ID)
    changed = now.text.replace(f"version: {now.version}\n", "version: 99\n", 1)
    for there, what in ((kept, now.text), (drafts, changed)):
        there.mkdir()
        (there / f"{ID}.yaml").write_text(what, encoding="utf-8")
    library.cache_clear()
    yield drafts
    library.cache_clear()
    shutil.rmtree(kept)


def test_beside_a_running_stack_its_own_templates_are_told_and_what_waits(
    world: PlatformWorld, run: Run, folder: Path
) -> None:
    ahead = template_hash((folder / f"{ID}.yaml").read_text(encoding="utf-8"))
    with take_stack_lock(world.platform.settings):
        _, said = run("templates", "versions", ID, "--json", TEMPLATES_DIR=str(folder))
        told = json.loads(said)
        rows = {row["version"]: row for row in told["versions"]}
        started, waits = rows[library(TEMPLATES_FOLDER).get(ID).version], rows[99]
        assert (started["in_force"], started["newest"]) == (True, False)
        assert (waits["in_force"], waits["newest"], waits["waits_for_start"]) == (False, True, True)
        assert f"version 99 of the folder ({ahead[7:19]}) is in force for new cases" in told["next_start"]
        _, said = run("templates", "versions", ID, TEMPLATES_DIR=str(folder))
        assert "waits for the next start" in said and told["next_start"] in said
        login = login_of(world, "purchasing_manager")[0]
        code, said = run("templates", "rollback", ID, "--to", ahead[7:19], "--as", login, TEMPLATES_DIR=str(folder))
        assert code == 1 and "there is no version" in said, "what runs does not know it"
        code, said = run("templates", "replay", ID, "--to", ahead[7:19], "--cases", "1", TEMPLATES_DIR=str(folder))
        assert code == 0 and "1 cases played" in said, "it can be tried before it goes live"

        (folder / f"{ID}.yaml").write_text("a draft that somebody is writing", encoding="utf-8")
        _, said = run("templates", "versions", ID, TEMPLATES_DIR=str(folder))
        assert "in force" in said and "The next start would be refused" in said and f"{ID}.yaml:1:" in said
        (folder / f"{ID}.yaml").rename(folder / "other.txt")
        (folder / "other.yaml").write_text(OTHER, encoding="utf-8")
        _, said = run("templates", "versions", ID, TEMPLATES_DIR=str(folder))
        assert f"The folder has {ID} no more" in said
        _, said = run("templates", "versions", "other", "--json", TEMPLATES_DIR=str(folder))
        (row,) = json.loads(said)["versions"]
        assert (row["in_force"], row["waits_for_start"]) == (False, True)
        for command in ("release", "rollback", "migrate"):
            code, said = run("templates", command, "other", "--as", login, TEMPLATES_DIR=str(folder))
            assert code == 1 and "other waits for the next start" in said
        code, said = run("templates", "release", "neither", "--as", login, TEMPLATES_DIR=str(folder))
        assert code == 1 and "there is no template 'neither'" in said
        code, said = run("templates", "versions", "neither", TEMPLATES_DIR=str(folder))
        assert code == 1 and "there is no template 'neither'" in said


def test_without_a_running_stack_the_folder_is_in_force(world: PlatformWorld, run: Run, folder: Path) -> None:
    _, said = run("templates", "versions", ID, "--json", TEMPLATES_DIR=str(folder))
    told = json.loads(said)
    assert [(row["version"], row["waits_for_start"]) for row in told["versions"] if row["in_force"]] == [(99, False)]
    assert told["next_start"] is None


def test_a_draft_stops_no_command_beside_a_running_stack(world: PlatformWorld, run: Run, folder: Path) -> None:
    (folder / f"{ID}.yaml").write_text("a draft that somebody is writing", encoding="utf-8")
    with take_stack_lock(world.platform.settings):
        code, said = run("cases", "list", TEMPLATES_DIR=str(folder))
    assert code == 0 and ID in said
