"""The JSON Schema for editors: in step with the loader, in what it accepts and in what it refuses."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from workflow_jobs.engine.template import TemplateError, load_template
from workflow_jobs.template_library import TEMPLATES_FOLDER
from workflow_jobs.template_schema import EDITOR_LINE, SCHEMA_FILE, schema_text, template_schema

TEMPLATES = sorted(TEMPLATES_FOLDER.glob("*.yaml"))
VALIDATOR = jsonschema.Draft202012Validator(template_schema())


def named(path: Path) -> str:
    return path.stem


def test_the_schema_in_the_folder_is_the_loaders() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), (
        "renew it: ./trueloop templates schema > workflow_jobs/templates/template.schema.json"
    )
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_every_template_fits_the_schema_and_names_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))] == []
    assert text.splitlines()[0] == EDITOR_LINE


def _first(steps: list[Any]) -> dict[str, Any]:
    step = steps[0]
    assert isinstance(step, dict)
    return step


WRONG: dict[str, Callable[[dict[str, Any]], Any]] = {
    "an unknown key": lambda data: data.update(colour="red"),
    "no title": lambda data: data.pop("title"),
    "no steps": lambda data: data.update(steps=[]),
    "a title in one language": lambda data: data["title"].pop("zh"),
    "an id with capitals": lambda data: data.update(id="Supply"),
    "a version of nought": lambda data: data.update(version=0),
    "an unknown priority": lambda data: data.update(priority="huge"),
    "a step of no kind": lambda data: _first(data["steps"]).pop("kind"),
    "a step of an unknown kind": lambda data: _first(data["steps"]).update(kind="robot"),
    "nobody accountable": lambda data: _first(data["steps"])["raci"].pop("accountable"),
    "two accountable roles": lambda data: _first(data["steps"])["raci"].update(accountable=["a", "b"]),
    "a duration in weeks": lambda data: _first(data["steps"]).update(sla="P1W"),
    "an empty duration": lambda data: _first(data["steps"]).update(sla="PT"),
    "no outcome": lambda data: _first(data["steps"]).update(outcomes=[]),
    "an unknown key of an outcome": lambda data: _first(data["steps"])["outcomes"][0].update(ends=True),
    "an unknown field type": lambda data: _first(data["steps"])["form"][0].update(type="colour"),
    "a rung to nobody": lambda data: data.update(ladder=[{"at": 80, "action": "remind", "to": "moon"}]),
    "a rung before the start": lambda data: data.update(ladder=[{"at": 0, "action": "remind", "to": "assignee"}]),
    "a cause without its remedy": lambda data: data["learning"].pop("remedy"),
    "a learning that asks for nothing": lambda data: data.update(learning={"rating": False}),
    "an unknown join": lambda data: data["steps"][1]["fork"].update(join="most"),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_what_the_loader_refuses_in_form_the_schema_refuses_too(change: Callable[[dict[str, Any]], Any]) -> None:
    data = yaml.safe_load((TEMPLATES_FOLDER / "supply_exception.yaml").read_text(encoding="utf-8"))
    wrong = copy.deepcopy(data)
    change(wrong)
    assert wrong != data
    assert not VALIDATOR.is_valid(wrong)
    with pytest.raises(TemplateError):
        load_template(yaml.safe_dump(wrong), file="wrong")
