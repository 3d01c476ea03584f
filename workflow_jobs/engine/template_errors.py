"""What is wrong with a template's shape, in plain words: where, what, and how to mend it.

Belongs here: from the validator's findings to sentences for whoever writes templates. Which shape a template has is
`parts` and `template`; whether a well-formed one makes sense is `lint`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from workflow_jobs.engine.parts import Model

_NAME: Final = "use small letters, digits and _, beginning with a letter (at most 63)"
_WHOM: Final = "assignee, manager, accountable, requester, owner, department, or role:<name>"
_ONE_A: Final = "exactly one role is accountable; the others are `consulted` or `informed`"
_ONE_R: Final = "one role is responsible; several people decide by `vote`, other amounts by `tiers`"
_CURES: Final[Mapping[str, str]] = {"accountable": _ONE_A, "responsible": _ONE_R}


@dataclass(frozen=True, slots=True)
class _Place:
    """A place of the text: `path` into the data, and how it is named to the reader."""

    path: tuple[str | int, ...]
    words: str


def sentences(found: Iterable[Mapping[str, Any]], data: object) -> list[tuple[tuple[str | int, ...], str]]:
    """The validator's findings about `data` as paths and sentences, one a place."""
    entries = [one for one in found if not _follows_from_inner(one)]
    by_place: dict[tuple[str | int, ...], list[Mapping[str, Any]]] = {}
    places: dict[tuple[str | int, ...], _Place] = {}
    for entry in entries:
        place = _place(data, entry)
        places[place.path] = place
        by_place.setdefault(place.path, []).append(entry)
    said = []
    for path, here in by_place.items():
        # A value that may be one of several kinds is refused once by each of them. What is wrong within a list or map
        # says that it was meant as one: then the other kinds are not missed as well.
        inner = any(len(other) > len(path) and other[: len(path)] == path for other in by_place)
        if not (inner and all(one["type"] in _OTHER_KIND for one in here)):
            said.append((path, f"{places[path].words}: {_sentence(path, here, data)}"))
    return said


_OTHER_KIND: Final = frozenset(("string_type", "bool_type", "bool_parsing", "int_type", "tuple_type", "model_type"))


def _follows_from_inner(entry: Mapping[str, Any]) -> bool:
    """A list whose items are wrong is told to be empty as well, which it is not."""
    context, value = entry.get("ctx", {}), entry.get("input")
    return entry["type"] == "too_short" and isinstance(value, list) and len(value) >= context["min_length"]


def _place(data: object, entry: Mapping[str, Any]) -> _Place:
    """Where it is. The validator's location also has kinds of steps and of values, which nobody wrote."""
    node, step = data, ""
    path: tuple[str | int, ...] = ()
    words: list[str] = []
    for part in entry["loc"]:
        if isinstance(node, dict) and part in node:
            node = node[part]
            words.append(str(part))
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            node = node[part]
            label = _label(node, part)
            if isinstance(node, dict) and node.keys() & {"kind", "raci", "fork", "decision"}:
                step, words = f"{label}: ", []
            else:
                words.append(label)
        else:
            continue
        path = (*path, part)
    if entry["type"] == "missing":
        path, words = (*path, entry["loc"][-1]), [*words, str(entry["loc"][-1])]
    return _Place(path, step + ".".join(words) if words else step.removesuffix(": ") or "template")


def _label(item: object, number: int) -> str:
    """How an item of a list is called: by its id or name, else by its number, counted from 1."""
    if isinstance(item, dict):
        inside = item.get("fork") or item.get("decision") or item
        for key in ("id", "name", "value"):
            if isinstance(inside, dict) and isinstance(inside.get(key), str):
                return str(inside[key])
    return str(number + 1)


def _sentence(path: tuple[str | int, ...], here: list[Mapping[str, Any]], data: object) -> str:
    types = {one["type"]: one for one in here}
    entry = here[0]
    value, context, key = entry.get("input"), entry.get("ctx", {}), str(path[-1]) if path else ""
    for own in ("value_error", "step_kind"):  # sentences of the models themselves
        if own in types:
            return str(types[own]["msg"]).removeprefix("Value error, ")
    if "extra_forbidden" in types:
        return "there is no such key here" + _meant(path, data)
    if "missing" in types:
        return f"is missing: {_CURES[key]}" if key in _CURES else "is missing: add it"
    if "string_pattern_mismatch" in types:
        if key == "to":
            return f"{value!r} is nobody whom a ladder can tell: write {_WHOM}"
        return f"{value!r} is no name: {_NAME}"
    if "string_too_short" in types or "too_short" in types:
        return "is empty: write at least one" + (" letter" if isinstance(value, str) else "")
    if "string_unicode" in types:
        return "has half a character, which no text can hold: delete it, or type the text anew"
    if value is None:
        return "is empty: write a value, or remove the key"
    if len(types) > 1 or "string_type" in types:
        return _of_several_kinds(key, types, value)
    if entry["type"] in ("greater_than_equal", "less_than_equal"):
        bound = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
        return f"must be {bound}, not {value!r}"
    if entry["type"] == "literal_error":
        return f"{value!r} is not possible here: write {context['expected'].replace(chr(39), '')}"
    if entry["type"] == "tuple_type":
        return (
            f"must be a list: write [{value}]"
            if isinstance(value, str)
            else "must be a list: begin each entry with `- `"
        )
    if entry["type"] in ("model_type", "dict_type"):
        return "must be a map of keys" + _keys_of(str(context.get("class_name")))
    return _of_several_kinds(key, types, value)


_KINDS: Final = (("bool_", "true or false"), ("int_", "a whole number"), ("decimal_", "a number"), ("tuple_", "a list"))


def _of_several_kinds(key: str, types: Mapping[str, Mapping[str, Any]], value: object) -> str:
    """What a value may be that is none of it. Yes, no and numbers without quotes are no text in YAML."""
    if "literal_error" in types:
        wanted = [types["literal_error"]["ctx"]["expected"].replace("'", "")]
    else:
        wanted = ["text"] if "string_type" in types else []
    wanted += [words for begins, words in _KINDS if any(one.startswith(begins) for one in types)]
    if key in _CURES and isinstance(value, list):
        return f"write one role, not a list: {_CURES[key]}"
    if "text" in wanted and isinstance(value, (bool, int, float)):
        read = "yes or no" if isinstance(value, bool) else "a number"
        return f"without quotes this is read as {read}, not as text: put it in quotes"
    if not wanted:  # a kind of mistake that nothing above knows
        return "; ".join(str(one["msg"]) for one in types.values())
    shown = "a list" if isinstance(value, list) else "a map" if isinstance(value, dict) else repr(value)
    return f"must be {' or '.join(wanted)}, not {shown}"


def _meant(path: tuple[str | int, ...], data: object) -> str:
    """The key that was probably meant, among those of the models that have all the other keys."""
    around: Any = data
    for part in path[:-1]:
        around = around[part]
    known = [set(cls.model_fields) for cls in Model.__subclasses__()]
    most = max((len(one & around.keys()) for one in known), default=0)
    offered = {key for one in known if len(one & around.keys()) == most for key in one} - around.keys()
    close = get_close_matches(str(path[-1]), sorted(offered), n=1)
    return f": did you mean `{close[0]}`?" if close else ": remove it"


def _keys_of(name: str) -> str:
    keys = next((list(cls.model_fields) for cls in Model.__subclasses__() if cls.__name__ == name), [])
    return f": {', '.join(f'`{key}:`' for key in keys)}" if keys else ""
