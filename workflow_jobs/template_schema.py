"""The JSON Schema of templates, for editors: generated from the very models that the loader validates with.

What the schema refuses the loader refuses too. The loader also reads a number or a duration in quotes where YAML would
have taken it without, checks that choices have options, and the linter looks at what a template means.
``workflow_jobs/templates/template.schema.json`` is this schema; a test holds it in step.
"""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from workflow_jobs.engine.duration import parse_duration
from workflow_jobs.engine.template import Template
from workflow_jobs.template_library import TEMPLATES_FOLDER

SCHEMA_FILE: Final = TEMPLATES_FOLDER / "template.schema.json"
# The first line of every template: editors that speak YAML's language server complete and check by the schema.
EDITOR_LINE: Final = f"# yaml-language-server: $schema={SCHEMA_FILE.name}"
_DURATION: Final = r"^P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?$"


def template_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) as plain data."""
    schema = Template.model_json_schema(schema_generator=_Generator)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """The schema as the file holds it."""
    return json.dumps(template_schema(), indent=2, ensure_ascii=False) + "\n"


class _Generator(GenerateJsonSchema):
    """Writes durations as the texts that they are in YAML, and leaves the models' defaults out."""

    def function_plain_schema(self, schema: core_schema.PlainValidatorFunctionSchema) -> JsonSchemaValue:
        if schema["function"]["function"] is parse_duration:
            return {"type": "string", "pattern": _DURATION, "description": "ISO-8601: PT30M, PT4H, P1D, P1DT2H."}
        return super().function_plain_schema(schema)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])
