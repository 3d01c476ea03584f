"""`./trueloop templates`: listing, linting with file and line, showing, copying and drawing templates."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from workflow_jobs.engine.template import load_template
from workflow_jobs.template_diagram import mermaid
from workflow_jobs.template_library import TEMPLATES_FOLDER, load_library


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped templates in a folder of the test's own."""
    copied = tmp_path / "templates"
    shutil.copytree(TEMPLATES_FOLDER, copied)
    return copied


def templates(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["templates", *arguments, "--folder", str(folder)])


def test_list_names_every_template_and_what_cannot_be_read(folder: Path) -> None:
    (folder / "broken.yaml").write_text("id: [", encoding="utf-8")
    (folder / "latin.yaml").write_bytes(b"id: caf\xe9\n")
    result = templates(folder, "list", "--json")
    assert result.exit_code == 0
    rows = {row["id"]: row for row in json.loads(result.stdout)}
    assert set(rows) == {path.stem for path in folder.glob("*.yaml")}
    assert rows["supply_exception"]["steps"][0] == "judge"
    assert "broken.yaml:1" in rows["broken"]["title"]
    assert "UTF-8" in rows["latin"]["title"]


def test_without_a_folder_they_are_read_where_a_start_reads_them(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("id: [", encoding="utf-8")
    result = CliRunner().invoke(app, ["templates", "lint"], env={"TRUELOOP_TEMPLATES_DIR": str(tmp_path)})
    assert (result.exit_code, result.stdout.startswith(f"{tmp_path / 'broken.yaml'}:1:")) == (1, True)
    result = CliRunner().invoke(app, ["templates", "list"], env={"TRUELOOP_FEED": "x"})
    assert (result.exit_code, result.stderr.startswith("TRUELOOP_FEED: ")) == (1, True)


def test_lint_prints_every_finding_of_every_file_with_its_line(folder: Path) -> None:
    assert templates(folder, "lint").exit_code == 0
    supply = folder / "supply_exception.yaml"
    text = supply.read_text(encoding="utf-8")
    text = text.replace("responsible: quality_engineer", "responsible: wizard").replace(
        "replan_production_job", "no_job"
    )
    supply.write_text(text, encoding="utf-8")
    (folder / "broken.yaml").write_text("id: broken\nversion: 0\n", encoding="utf-8")
    result = templates(folder, "lint")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    places = {line: number for number, line in enumerate(text.splitlines(), 1)}
    wizard = next(number for line, number in places.items() if "responsible: wizard" in line)
    job = next(number for line, number in places.items() if "job: no_job" in line)
    assert any(line.startswith(f"{supply}:{wizard}: judge:") and "wizard" in line for line in lines)
    assert any(line.startswith(f"{supply}:{job}: replan:") and "no_job" in line for line in lines)
    assert any(line.startswith(f"{folder / 'broken.yaml'}:2:") for line in lines)
    assert any("steps: is missing" in line for line in lines)
    found = json.loads(templates(folder, "lint", "supply_exception", "--json").stdout)
    assert {one["line"] for one in found} == {wizard, job}


def test_show_says_who_does_what_by_when(folder: Path) -> None:
    text = templates(folder, "show", "supply_exception").stdout
    judge = next(line for line in text.splitlines() if line.startswith("judge"))
    for word in ("quality_engineer", "quality_manager", "buyer", "purchasing_manager", "PT4H", "confirm, reject"):
        assert word in judge, word
    assert "finance_analyst, finance_manager, cfo" in text
    body = json.loads(templates(folder, "show", "supply_exception", "--language", "zh", "--json").stdout)
    assert body["title"] == "供应异常"
    assert [step["id"] for step in body["steps"]][-1] == "promise"
    result = templates(folder, "show", "suply_exception")
    assert result.exit_code == 1
    assert "supply_exception" in result.stderr


@pytest.mark.parametrize("source", [path.stem for path in sorted(TEMPLATES_FOLDER.glob("*.yaml"))])
def test_a_copy_lints_clean_and_is_a_template_of_its_own(folder: Path, source: str) -> None:
    result = templates(folder, "copy", source, "my_process")
    assert result.exit_code == 0, result.output
    copied = (folder / "my_process.yaml").read_text(encoding="utf-8")
    original = (folder / f"{source}.yaml").read_text(encoding="utf-8")
    changed = [line for line in copied.splitlines() if line not in original.splitlines()]
    assert set(changed) <= {"id: my_process", "version: 1"}
    assert templates(folder, "lint", "my_process").exit_code == 0
    library = load_library(folder)
    assert library.get("my_process").version == 1
    assert library.get("my_process").steps == library.get(source).steps
    assert [path.name for path in folder.iterdir() if path.name.endswith(".tmp")] == []


def test_a_copy_may_go_to_another_folder_than_its_source(tmp_path: Path) -> None:
    result = templates(tmp_path, "copy", "order_change", "energy_review")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "id: energy_review\n" in (tmp_path / "energy_review.yaml").read_text(encoding="utf-8")
    again = templates(tmp_path, "copy", "energy_review", "another")
    assert again.exit_code == 0, "what stands beside the copy is found too"
    unknown = templates(tmp_path, "copy", "order_chang", "x")
    assert unknown.exit_code == 1
    assert "there are: after_sales" in unknown.stderr
    nowhere = templates(tmp_path / "nowhere", "copy", "order_change", "x")
    assert (nowhere.exit_code, nowhere.stderr.startswith("There is no folder")) == (1, True)


def test_a_copy_never_replaces_a_file_and_writes_nothing_that_is_wrong(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    taken = templates(folder, "copy", "supply_exception", "data_incident")
    assert taken.exit_code == 1
    assert "exists already" in taken.stderr
    for wrong in ("Supply", "../other", "a b", "1st", "", "x" * 64):
        refused = templates(folder, "copy", "supply_exception", wrong)
        assert refused.exit_code == 1, wrong
        assert "is no id" in refused.stderr
    supply = folder / "supply_exception.yaml"
    supply.write_text(supply.read_text(encoding="utf-8").replace("buyer", "wizard"), encoding="utf-8")
    refused = templates(folder, "copy", "supply_exception", "fresh")
    assert refused.exit_code == 1
    assert re.search(r"fresh.yaml:\d+: .*wizard", refused.stderr)
    supply.write_bytes(before["supply_exception.yaml"])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_diagram_has_every_step_every_way_and_no_loose_end(folder: Path) -> None:
    text = templates(folder, "diagram", "supply_exception").stdout
    assert text.splitlines()[0] == "flowchart TD"
    arrows = set(re.findall(r"^  (\w+) -->(?:\|[^|]*\|)? (\w+)$", text, re.MULTILINE))
    assert {("fork_respond", "step_supplier"), ("fork_respond", "step_protect")} < arrows
    assert {("step_replan", "join_respond"), ("step_protect", "join_respond"), ("step_promise", "finish")} < arrows
    assert ("step_judge", "ended0") in arrows
    nodes = set(re.findall(r"^  (\w+)[\[({]", text, re.MULTILINE))
    assert {node for arrow in arrows for node in arrow} == nodes
    assert "质量判定" in templates(folder, "diagram", "supply_exception", "--language", "zh").stdout


def test_titles_cannot_break_out_of_a_diagram(folder: Path) -> None:
    text = (folder / "supply_exception.yaml").read_text(encoding="utf-8")
    odd = text.replace('en: "Judge the exception"', "en: 'Say \"x\"] --> <b>y</b>'")
    assert '["Say #quot;x#quot;] --&gt; &lt;b&gt;y&lt;/b&gt;<br/>' in mermaid(load_template(odd, file="odd"))


def test_lint_holds_watch_rules_and_effects_against_metrics(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    supply, order = folder / "supply_exception.yaml", folder / "order_change.yaml"
    text = supply.read_text(encoding="utf-8")
    supply.write_text(text.replace("closes: after_last_step", "opened_by: [people]"), encoding="utf-8")
    order.write_text(order.read_text(encoding="utf-8").replace("metric_on_time_in_full", "metric_on_time"), "utf-8")
    told = templates(folder, "lint").stdout
    assert re.search(
        r"metric_supplier_on_time_rate\.yml:41: watch rule supplier_on_time_rate_low: watch rules do not", told
    )
    assert re.search(r"order_change\.yaml:\d+: there is no metric 'metric_on_time'", told)
    supply.unlink()
    assert "supply_exception" not in templates(folder, "lint").stdout, "another folder need not have all"
    monkeypatch.setenv("TRUELOOP_TEMPLATES_DIR", str(folder))
    assert "there is no template 'supply_exception'" in templates(folder, "lint").stdout


def test_the_schema_is_printed_as_the_file_holds_it() -> None:
    result = CliRunner().invoke(app, ["templates", "schema"])
    assert result.stdout == (TEMPLATES_FOLDER / "template.schema.json").read_text(encoding="utf-8")


def test_lint_knows_the_skills_of_the_people_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supply = folder / "supply_exception.yaml"
    text = supply.read_text(encoding="utf-8")
    supply.write_text(text.replace("kind: human\n", "kind: human\n    skills: [welding]\n", 1), encoding="utf-8")
    assert templates(folder, "lint", "supply_exception").exit_code == 0
    people = tmp_path / "people.toml"
    people.write_text('[people.E1]\nskills = ["driving"]\n', encoding="utf-8")
    monkeypatch.setenv("TRUELOOP_PEOPLE_FILE", str(people))
    result = templates(folder, "lint", "supply_exception")
    assert result.exit_code == 1
    assert "judge: nobody has the skill 'welding'" in result.stdout
    people.write_text('[people.E1]\nskills = ["welding"]\n', encoding="utf-8")
    assert templates(folder, "lint", "supply_exception").exit_code == 0
