"""The page ``/docs``: the OpenAPI description as one readable page, without a library and without a foreign server."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request, Response

from gateway.pages import page

router = APIRouter(include_in_schema=False)
_METHODS = ("get", "post", "put", "patch", "delete")


@router.get("/docs")
def docs(request: Request) -> Response:
    schema = request.app.openapi()
    return page(request, "docs.html", info=schema["info"], groups=_groups(schema), base=str(request.base_url))


def _groups(schema: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Operations by tag, in the order in which they are declared."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, operations in schema["paths"].items():
        for method in _METHODS:
            if method in operations:
                groups.setdefault(operations[method].get("tags", ["other"])[0], []).append(
                    _operation(schema, path, method, operations[method])
                )
    return list(groups.items())


def _operation(schema: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    answers = [
        {"status": status, "description": answer["description"], "fields": _answer_fields(schema, answer)}
        for status, answer in operation["responses"].items()
    ]
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "parameters": [
            {
                "name": one["name"],
                "where": one["in"],
                "required": one.get("required", False),
                "type": _type_name(one["schema"]),
                "description": one.get("description") or one["schema"].get("description", ""),
            }
            for one in operation.get("parameters", [])
        ],
        "body": _fields(schema, body.get("schema", {})) if body else [],
        "example": _example(body.get("schema", {})),
        "example_path": _example_path(path, operation.get("parameters", [])),
        "answers": answers,
        "needs_token": "security" in operation,
    }


def _answer_fields(schema: dict[str, Any], answer: dict[str, Any]) -> list[dict[str, Any]]:
    content = answer.get("content", {}).get("application/json", {})
    return _fields(schema, content.get("schema", {}))


def _fields(schema: dict[str, Any], node: dict[str, Any]) -> list[dict[str, Any]]:
    resolved = _resolved(schema, node)
    required = set(resolved.get("required", []))
    return [
        {
            "name": name,
            "type": _type_name(one),
            "required": name in required,
            "description": one.get("description", ""),
        }
        for name, one in resolved.get("properties", {}).items()
    ]


def _resolved(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    for choice in (node, *node.get("anyOf", [])):
        reference = choice.get("$ref") or choice.get("items", {}).get("$ref")
        if reference:
            found: dict[str, Any] = schema["components"]["schemas"][reference.rsplit("/", 1)[-1]]
            return found
    return node


def _type_name(node: dict[str, Any]) -> str:
    if "$ref" in node:
        return str(node["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in node:
        return " or ".join(dict.fromkeys(_type_name(one) for one in node["anyOf"]))
    if node.get("type") == "array":
        return f"list of {_type_name(node.get('items', {}))}"
    return str(node.get("format") or node.get("type") or "any")


def _example_path(path: str, parameters: list[dict[str, Any]]) -> str:
    """The path with an example in place of each of its parameters."""
    for one in parameters:
        examples = one["schema"].get("examples") or []
        if one["in"] == "path" and examples:
            path = path.replace("{" + one["name"] + "}", str(examples[0]))
    return path


def _example(node: dict[str, Any]) -> str:
    examples = node.get("examples") or []
    return json.dumps(examples[0], indent=2, ensure_ascii=False) if examples else ""
