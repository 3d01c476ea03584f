"""YAML as plain data, with the line of every key and item, so that an error can say where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

Path = tuple[str | int, ...]
# The same reading by libyaml, at a tenth of the time, where PyYAML was built with it.
_FAST: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlProblem(Exception):
    """The text is no usable YAML. `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.message = message


@dataclass(frozen=True)
class Lines:
    """Line numbers (from 1) by path into the data."""

    by_path: Mapping[Path, int]

    def of(self, path: Path) -> int:
        """Line of the path, or of the nearest thing around it that is written in the file."""
        for end in range(len(path), -1, -1):
            line = self.by_path.get(path[:end])
            if line is not None:
                return line
        return 1

    def nearest(self, location: Path) -> int:
        """Line for a validator's location, which may hold names that are not in the file (kinds, missing keys)."""
        path: Path = ()
        for part in location:
            if (*path, part) in self.by_path:
                path = (*path, part)
        return self.of(path)


def read(text: str) -> tuple[Any, Lines]:
    """Parse one YAML document. Raises YamlProblem for bad syntax, a repeated key, an anchor or a tag."""
    try:
        return _read(text, _FAST)
    except YamlProblem:
        # PyYAML's own reader says better what is wrong, and where.
        return _read(text, yaml.SafeLoader)


def _read(text: str, kind: Any) -> tuple[Any, Lines]:
    loader = kind(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise YamlProblem(1, "the file is empty")
        lines: dict[Path, int] = {}
        _note_lines(node, (), lines, seen=set())
        return loader.construct_document(node), Lines(lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlProblem(mark.line + 1 if mark else 1, error.problem or str(error)) from error
    except yaml.YAMLError as error:
        raise YamlProblem(1, str(error)) from error
    except ValueError as error:  # a date such as 2026-02-30
        raise YamlProblem(1, str(error)) from error
    finally:
        loader.dispose()


def _note_lines(node: yaml.Node, path: Path, lines: dict[Path, int], *, seen: set[int]) -> None:
    line = node.start_mark.line + 1
    if id(node) in seen:
        raise YamlProblem(line, "anchors and aliases are not allowed here: write the part out")
    seen.add(id(node))
    lines.setdefault(path, line)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is None:
                raise YamlProblem(key.start_mark.line + 1, "a key must be a plain word")
            if (*path, name) in lines:
                first = lines[(*path, name)]
                raise YamlProblem(
                    key.start_mark.line + 1, f"the key {name!r} stands here twice (first in line {first})"
                )
            lines[(*path, name)] = key.start_mark.line + 1
            _note_lines(value, (*path, name), lines, seen=seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note_lines(value, (*path, index), lines, seen=seen)
