"""What the documents say, held against the code: commands, targets, settings, links, names, routes, examples."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import click
import pytest
import typer.main
import yaml
from dagster import SensorDefinition

from gateway.app import create_app
from gateway.cli import app
from ops_assets.catalog import Catalog, load_catalog
from ops_assets.dictionary.check_spec import CheckSpec
from ops_assets.dictionary.metric import Leavable, MetricDefinition
from ops_assets.dictionary.watch_rule import WatchRule
from ops_assets.ingestion import landing_schema
from ops_assets.ingestion.landing_schema import read_landing_schema
from resources.ops_database import migrate, open_engine
from resources.packs import SourcePack, load_pack
from resources.platform import MODELS_DIR
from resources.settings import Settings
from sensors.landing import landed_sources_sensor
from sensors.process import build_process_sensors
from sensors.published import build_published_sensor
from sensors.schedules import build_schedules
from sensors.watchdog import watchdog_sensor
from tests.engine_world import Play
from tests.template_walks import Walks, turns_of, walk_every_branch
from workflow_jobs import refresh_jobs
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import parts
from workflow_jobs.engine import template as templates
from workflow_jobs.engine.lint import lint
from workflow_jobs.engine.lint_library import lint_library
from workflow_jobs.engine.template import Template, load_template
from workflow_jobs.jobs import service_jobs
from workflow_jobs.slack.template_limits import beyond_slack
from workflow_jobs.template_library import TemplateLibrary
from workflow_jobs.template_names import names_of

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
INTERNAL_VARIABLES = {"TRUELOOP_WAREHOUSE_PATH", "TRUELOOP_STACK_HOME"}
LARGEST_PICTURE = 250_000
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def fences(path: Path, kind: str) -> list[str]:
    """The fenced blocks of a document whose opening line is exactly ``kind``, such as ``yaml metric``."""
    return [body for opening, body in _FENCE.findall(text_of(path)) if opening.strip() == kind]


def code_lines(path: Path) -> Iterator[str]:
    """Every line of a fenced block and every code span; what is written as code is meant literally."""
    for _, body in _FENCE.findall(text_of(path)):
        yield from body.splitlines()
    yield from _SPAN.findall(_FENCE.sub("", text_of(path)))


def named(paths: list[Path]) -> list[Any]:
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


@cache
def catalog() -> Catalog:
    """The catalogue of the project; reading it takes seconds."""
    return load_catalog(MODELS_DIR)


# -- the command line -----------------------------------------------------------------------------------------------


@cache
def command_line() -> dict[str, click.Command]:
    """Every command by its words, such as ``metrics show``."""
    found: dict[str, click.Command] = {}

    def collect(command: Any, words: tuple[str, ...]) -> None:
        for name, inner in getattr(command, "commands", {}).items():
            collect(inner, (*words, name))
        if words and not getattr(command, "commands", None):
            found[" ".join(words)] = command

    collect(typer.main.get_command(app), ())
    return found


def invocations(path: Path) -> list[list[str]]:
    found = []
    for line in code_lines(path):
        for call in re.findall(r"\./trueloop((?: [^|`()#]*)?)", line):
            words = shlex.split(call.split("||")[0])
            if words:
                found.append(words)
    return found


def test_commands_are_found_in_the_documents() -> None:
    assert ["snapshots", "rollback", "--reason", "..."] in invocations(ROOT / "README.md")
    assert ["refresh", "--quiet"] in invocations(ROOT / "docs" / "command-line.md")


@pytest.mark.parametrize("path", named(DOCS))
def test_every_command_shown_exists_and_takes_what_is_shown(path: Path) -> None:
    for words in invocations(path):
        command = next(
            (command_line()[" ".join(words[:n])] for n in (1, 2) if " ".join(words[:n]) in command_line()), None
        )
        group = any(name.split()[0] == words[0] for name in command_line())
        if command is None:
            assert group and len(words) == 1, f"{path.name}: ./trueloop {' '.join(words)}: there is no such command"
            continue
        rest = words[1:] if words[0] in command_line() else words[2:]
        options = {option: param for param in command.params for option in param.opts if option.startswith("-")}
        places = [param for param in command.params if param.param_type_name == "argument"]
        given = 0
        while rest:
            word = rest.pop(0)
            if not word.startswith("-"):
                given += 1
                continue
            assert word in options, f"{path.name}: ./trueloop {' '.join(words)}: there is no option {word}"
            if not getattr(options[word], "is_flag", False):
                assert rest, f"{path.name}: ./trueloop {' '.join(words)}: {word} needs a value"
                rest.pop(0)
        assert given <= len(places), f"{path.name}: ./trueloop {' '.join(words)}: too many arguments"


def test_every_command_and_option_is_documented() -> None:
    page = text_of(ROOT / "docs" / "command-line.md")
    for name, command in command_line().items():
        if command.hidden:
            continue
        assert f"./trueloop {name}" in page, name
        for param in command.params:
            option = param.opts[0]
            if option.startswith("--") and option not in {"--json", "--help", "--by"}:
                assert option in page, f"{name} {option}"


# -- make -----------------------------------------------------------------------------------------------------------


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("path", named(DOCS))
def test_every_make_target_shown_exists(path: Path) -> None:
    shown = {target for line in code_lines(path) for target in re.findall(r"\bmake ([a-z]+)", line)}
    assert shown <= make_targets()


def test_the_readme_tests_with_the_command_that_ci_runs() -> None:
    readme = [line.split("#")[0].strip() for line in code_lines(ROOT / "README.md")]
    ci = [line.strip() for line in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()]
    assert "make test" in readme
    assert "make test" in ci
    assert "make up" in readme


# -- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", named(DOCS))
def test_every_variable_named_is_a_setting(path: Path) -> None:
    known = {f"TRUELOOP_{name.upper()}" for name in Settings.model_fields} | INTERNAL_VARIABLES
    assert set(re.findall(r"\bTRUELOOP_[A-Z_]*[A-Z]\b", text_of(path))) <= known


# -- links, files, names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", named(DOCS))
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", _FENCE.sub("", text_of(path)))
    broken = [
        link
        for link in links
        if not link.startswith(("http://", "https://", "#")) and not (path.parent / link.split("#")[0]).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("path", named(DOCS))
def test_every_file_of_the_project_that_is_named_exists(path: Path) -> None:
    folders = "dbt_project|docs|gateway|ops_assets|resources|sensors|tests|workflow_jobs"
    named_files = {
        word
        for line in code_lines(path)
        for word in re.findall(rf"(?<![\w./-])(?:{folders})/[\w/.-]*\w\.[a-z]+\b(?![<*])", line)
    }
    assert [name for name in sorted(named_files) if not (ROOT / name).exists()] == []


def test_pictures_are_small() -> None:
    pictures = {
        (page.parent / link).resolve() for page in DOCS for link in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text_of(page))
    }
    assert pictures
    assert [picture.name for picture in pictures if picture.stat().st_size > LARGEST_PICTURE] == []


@cache
def automation() -> dict[str, set[str]]:
    """Names of the sensors and schedules, and of the jobs."""
    sensors: list[SensorDefinition] = [
        landed_sources_sensor,
        build_published_sensor(()),
        *build_process_sensors(),
        watchdog_sensor,
    ]
    asset_jobs = [refresh_jobs.refresh_job, refresh_jobs.audit_job, refresh_jobs.operating_analysis_job]
    return {
        "wakes": {one.name for one in sensors} | {one.name for one in build_schedules("Asia/Shanghai")},
        "jobs": {one.name for one in asset_jobs} | {one.name for one in service_jobs()},
    }


@pytest.mark.parametrize("path", named(DOCS))
def test_every_sensor_and_job_named_exists(path: Path) -> None:
    shown = {name for line in code_lines(path) for name in re.findall(r"\b[a-z]+(?:_[a-z]+)*_(?:sensor|job)\b", line)}
    assert shown <= automation()["wakes"] | automation()["jobs"]


def test_everything_that_runs_by_itself_is_documented() -> None:
    page = text_of(ROOT / "docs" / "operations.md")
    assert [name for name in sorted(automation()["wakes"]) if f"`{name}`" not in page] == []
    walked = page + text_of(ROOT / "docs" / "walk.md")
    assert [name for name in sorted(automation()["jobs"]) if f"`{name}`" not in walked] == []


@pytest.mark.parametrize("path", named(DOCS))
def test_every_metric_and_watch_rule_named_exists(path: Path) -> None:
    examples = set(re.findall(r"name: (metric_\w+)", "\n".join(fences(path, "yaml metric"))))
    shown = {name for line in code_lines(path) for name in re.findall(r"\bmetric_[a-z]+_[a-z_]+\b(?!\s*:)", line)}
    processes = {path.stem for path in (ROOT / "workflow_jobs" / "templates").glob("*.yaml")}
    declared = set(MetricDefinition.model_fields) | processes | {"metric_windows", "metric_from", "metric_part"}
    assert shown - examples - declared <= set(catalog().metrics)


@pytest.mark.parametrize("path", named(DOCS))
def test_every_route_shown_exists(path: Path, routes: set[str]) -> None:
    shown = {
        address
        for line in code_lines(path)
        for address in re.findall(r"\b(?:GET|POST) (?:http://127\.0\.0\.1:\d+)?(/[\w/{}.-]+)", line)
    }
    patterns = [re.compile(re.sub(r"\{\w+\}", "[^/]+", route)) for route in routes]
    assert [one for one in sorted(shown) if not any(pattern.fullmatch(one) for pattern in patterns)] == []


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    gateway = create_app(Settings(home=tmp_path_factory.mktemp("docs") / "home"))
    gateway.state.workspace.close()
    return set(gateway.openapi()["paths"])


def test_the_layers_of_the_import_rules_are_drawn() -> None:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    page = " ".join(text_of(ROOT / "docs" / "architecture.md").split())
    for rule in rules:
        if rule["type"] == "layers":
            assert " -> ".join(rule["layers"]) in page, rule["name"]


# -- examples -------------------------------------------------------------------------------------------------------


def test_the_example_of_a_metric_is_a_valid_definition(tmp_path: Path) -> None:
    (example,) = fences(ROOT / "docs" / "metrics.md", "yaml metric")
    (tmp_path / "metric.yml").write_text(example, encoding="utf-8")
    example_catalog = load_catalog(tmp_path)
    (metric,) = example_catalog.metrics.values()
    assert len(metric.checks) == len(example_catalog.checks) == 3
    known = load_pack("dongchen")
    roles = {metric.owner_role, metric.raci.responsible, metric.raci.accountable, *metric.raci.consulted}
    assert roles | set(metric.raci.informed) <= set(known.roles)
    assert set(metric.needs) <= set(known.entities)
    ids = {path.stem for path in (ROOT / "workflow_jobs" / "templates").glob("*.yaml")}
    assert {rule.template for rule in metric.watch} <= ids


def test_the_example_of_a_source_table_is_a_valid_declaration(tmp_path: Path) -> None:
    (example,) = fences(ROOT / "docs" / "sources.md", "yaml landing")
    (tmp_path / "_sources.yml").write_text(example, encoding="utf-8")
    (table,) = read_landing_schema(tmp_path).tables
    assert table.identifier == "wms__returns"
    assert table.column("refund").money_text


def test_the_example_of_a_pack_is_a_valid_pack() -> None:
    (example,) = fences(ROOT / "docs" / "sources.md", "toml pack")
    pack = SourcePack(name="example", folder=ROOT, **tomllib.loads(example))
    assert catalog().watches(pack.watch_thresholds)
    assert set(pack.metric_windows) <= set(catalog().metrics)
    assert set(pack.entities) <= set(load_pack("dongchen").entities)


@cache
def template_examples() -> tuple[Template, ...]:
    found = fences(ROOT / "docs" / "processes.md", "yaml template")
    return tuple(load_template(text, file=f"{yaml.safe_load(text)['id']}.yaml") for text in found)


def test_the_examples_of_templates_pass_the_linter() -> None:
    names = names_of(load_pack("dongchen"))
    for one in template_examples():
        found = lint(one, names.roles, names.jobs, names.skills, names.calendars) + beyond_slack(one)
        assert [str(finding) for finding in found] == []
    assert lint_library(template_examples()) == []


def test_the_examples_of_templates_are_walked_through_every_branch(tmp_path: Path) -> None:
    """Those that other cases open are walked within these."""
    engine = open_engine(f"sqlite:///{tmp_path / 'ops.db'}")
    migrate(engine)
    library = TemplateLibrary(template_examples())
    for example in template_examples():
        if example.opened_by != ("cases",):
            walk_every_branch(Walks(example, engine, library=library))
    engine.dispose()


def test_the_larger_example_shows_what_it_promises() -> None:
    (larger,) = (one for one in template_examples() if one.id == "equipment_purchase")
    shown = turns_of(larger)
    assert {"other case", "divided", "tier", "branch"} <= {turn[0] for turn in shown}
    assert {("wait", "delivery", "elapsed"), ("wait", "delivery", "signalled")} <= shown
    play = Play(larger).open(requested_by="s1", data={"equipment": "Press"})
    pooled = play.task("offers")
    assert (pooled.pooled, pooled.assignee) == (True, None)
    play.do(c.ClaimTask(task_id=pooled.task_id, task_version=pooled.version, person_id="b2"))
    task = play.task("offers")
    play.do(c.PauseTask(task_id=task.task_id, task_version=task.version, person_id="b2", reason_id="supplier_answers"))
    assert play.task("offers").due_at > task.due_at


def missing(page: str, words: set[str]) -> list[str]:
    text = text_of(ROOT / "docs" / page)
    return [word for word in sorted(words) if not re.search(rf"`{word}`|\b{word}:", text)]


def test_every_field_of_a_metric_a_check_and_a_watch_rule_is_documented() -> None:
    fields = set(MetricDefinition.model_fields) - {"file", "line"}
    assert missing("metrics.md", fields | set(CheckSpec.model_fields) | set(WatchRule.model_fields)) == []


def test_required_fields_of_a_metric_are_marked_as_such() -> None:
    text = text_of(ROOT / "docs" / "metrics.md")
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (yes|or `without`|) ?\|", text, re.MULTILINE)
    marked = {name: mark for names, mark in rows for name in re.findall(r"`(\w+)`", names)}
    wanted = {name: "yes" if field.is_required() else "" for name, field in MetricDefinition.model_fields.items()}
    wanted |= dict.fromkeys(get_args(Leavable), "or `without`")
    assert marked == {name: mark for name, mark in wanted.items() if name not in ("name", "file", "line")}


def test_every_option_of_a_landing_schema_is_documented() -> None:
    options = landing_schema._TABLE_OPTIONS | landing_schema._COLUMN_OPTIONS
    assert missing("sources.md", set(options)) == []


def test_every_field_of_a_pack_is_documented() -> None:
    page = text_of(ROOT / "docs" / "sources.md")
    fields = set(SourcePack.model_fields) - {"name", "folder"}
    assert [name for name in sorted(fields) if not re.search(rf"^\[?{name}\b", page, flags=re.MULTILINE)] == []


def test_every_field_of_a_template_is_documented() -> None:
    written = [*vars(parts).values(), *vars(templates).values()]
    models = [part for part in written if isinstance(part, type) and issubclass(part, parts.Model)]
    fields = {name for model in models for name in model.model_fields}
    assert missing("processes.md", fields) == []
