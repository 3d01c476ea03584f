"""YAML as plain data, with the line of every key and item, so that an error can say where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

Path = tuple[str | int, ...]
# Templates need a tenth of either.
MOST_LETTERS: Final = 1_000_000
MOST_LEVELS: Final = 100
# What PyYAML says of a frequent slip, and how it is mended.
_CURES: Final[Mapping[str, str]] = {
    "mapping values are not allowed here": "put a text that has a colon in quotes, or mend the indentation",
    "found character '\\t' that cannot start any token": "indent with blanks, not with tabs",
    "but found another document": "a file is one document: remove what follows the line `---`",
    "but found '<stream end>'": "a bracket is not closed before the end of the file",
    "found unexpected end of stream": "a quote is not closed before the end of the file",
    "could not determine a constructor": "remove the tag, which begins with !",
}
_TEXT: Final = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge")
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
    """Parse one YAML document.

    Raises YamlProblem for bad syntax, a repeated key, an anchor or a tag, and for a text that is longer than
    MOST_LETTERS or nested more than MOST_LEVELS deep.
    """
    if len(text) > MOST_LETTERS:
        # The first line that does not fit any more.
        line = text.count("\n", 0, MOST_LETTERS) + 1
        raise YamlProblem(
            line, f"the text has {len(text):,} letters, and at most {MOST_LETTERS:,} are read: divide it, or shorten it"
        )
    try:
        return _read(text, _FAST)
    except YamlProblem:
        # PyYAML's own reader says better what is wrong, and where.
        return _read(text, yaml.SafeLoader)


def _read(text: str, kind: Any) -> tuple[Any, Lines]:
    loader = node = None
    try:
        _refuse_deep(text, kind)
        loader = kind(text)
        node = loader.get_single_node()
        if node is None:
            raise YamlProblem(1, "the file is empty")
        lines: dict[Path, int] = {}
        _note_lines(node, (), lines, seen=set())
        return loader.construct_document(node), Lines(lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = error.problem or str(error)
        cure = next((f": {cure}" for slip, cure in _CURES.items() if slip in what), "")
        raise YamlProblem(mark.line + 1 if mark else 1, what + cure) from error
    except yaml.YAMLError as error:
        raise YamlProblem(1, str(error)) from error
    except ValueError as error:  # a date such as 2026-02-30, or half a letter
        raise _no_value(loader, node, error) from error
    finally:
        if loader is not None:
            loader.dispose()


def _no_value(loader: Any, node: yaml.Node | None, error: ValueError) -> YamlProblem:
    """Which word cannot be read as what it looks like: the error itself does not say."""
    if node is None:
        return YamlProblem(1, str(error))
    loader.recursive_objects = {}  # what was under way when it failed
    left = [node]
    while left:
        one = left.pop()
        if isinstance(one, yaml.MappingNode):
            left += [part for pair in reversed(one.value) for part in reversed(pair)]
        elif isinstance(one, yaml.SequenceNode):
            left += reversed(one.value)
        else:
            try:
                loader.construct_object(one)
            except ValueError as problem:
                what = f"{one.value!r} looks like a date or a number and is none ({problem})"
                return YamlProblem(one.start_mark.line + 1, f"{what}: correct it, or put it in quotes if it is text")
    return YamlProblem(1, str(error))


def _refuse_deep(text: str, kind: Any) -> None:
    """Raise YamlProblem where lists and mappings stand too deep within each other.

    Composing calls itself for each level, and libyaml's composer takes the whole process with it when the stack ends.
    Events come one after the other, from the same parser, however deep they are.
    """
    level = 0
    try:
        for event in yaml.parse(text, Loader=kind):
            if isinstance(event, yaml.CollectionStartEvent):
                level += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                level -= 1
            if level > MOST_LEVELS:
                mark = event.start_mark
                raise YamlProblem(
                    mark.line + 1 if mark else 1,
                    f"lists and mappings stand more than {MOST_LEVELS} levels deep within each other here: "
                    "write it with fewer levels",
                )
    except yaml.YAMLError:
        # Composing meets the same mistake at the same place, and says it.
        return


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
            if key.tag not in _TEXT:
                says = (
                    f"the key {name!r} is read as something else than text (a yes, a number, a date): put it in quotes"
                )
                raise YamlProblem(key.start_mark.line + 1, says)
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
