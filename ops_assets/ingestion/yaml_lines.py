"""YAML with line numbers: every value knows its file and line, so that an error can say where it stands.

Nothing about landing schemas belongs here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml

Choice = TypeVar("Choice", bound=str)
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader  # libyaml is ten times as fast


class YamlProblem(ValueError):
    """Something wrong in a YAML file; the text starts with ``file:line:``."""


class Item:
    """One value in a YAML file, with its place."""

    def __init__(self, node: yaml.Node, file: Path) -> None:
        self._node = node
        self._file = file
        self._children: dict[str, yaml.Node] = {}
        if isinstance(node, yaml.MappingNode):
            self._children = {str(key.value): value for key, value in node.value}

    @property
    def where(self) -> str:
        return f"{self._file}:{self._node.start_mark.line + 1}"

    @property
    def value(self) -> Any:
        """The plain Python value."""
        loader = yaml.SafeLoader("")
        try:
            return loader.construct_document(self._node)
        finally:
            loader.dispose()

    def problem(self, sentence: str) -> YamlProblem:
        return YamlProblem(f"{self.where}: {sentence}.")

    def __contains__(self, name: str) -> bool:
        return name in self._children

    def __getitem__(self, name: str) -> Item:
        if name not in self._children:
            raise self.problem(f"{name!r} is missing here")
        return Item(self._children[name], self._file)

    def at(self, *names: str) -> Item | None:
        """The value below a path of names, or None where one of them is absent."""
        item = self
        for name in names:
            if name not in item:
                return None
            item = item[name]
        return item

    def items(self) -> Iterator[Item]:
        """The members of a list."""
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.problem("a list is expected here")
        for node in self._node.value:
            yield Item(node, self._file)

    def only(self, known: frozenset[str], what: str) -> None:
        """Refuse names outside ``known``."""
        if not isinstance(self._node, yaml.MappingNode):
            raise self.problem("names with values are expected here")
        for key, _ in self._node.value:
            if key.value not in known:
                raise Item(key, self._file).problem(
                    f"{key.value!r} is not a {what}; known are {', '.join(sorted(known))}"
                )

    def text(self) -> str:
        if not isinstance(self._node, yaml.ScalarNode):
            raise self.problem("one text is expected here")
        return str(self._node.value)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts, or a single one; empty where ``name`` is absent."""
        if name not in self:
            return ()
        item = self[name]
        if isinstance(item._node, yaml.ScalarNode):
            return (item.text(),)
        return tuple(member.text() for member in item.items())

    def flag(self, name: str) -> bool:
        if name not in self:
            return False
        value = self[name].value
        if not isinstance(value, bool):
            raise self[name].problem(f"{name} must be true or false")
        return value

    def integer(self, name: str) -> int | None:
        if name not in self:
            return None
        value = self[name].value
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self[name].problem(f"{name} must be a whole number of 0 or more")
        return value

    def choice(self, name: str, known: Sequence[Choice], default: Choice) -> Choice:
        if name not in self:
            return default
        text = self[name].text()
        if text not in known:
            raise self[name].problem(f"{name} must be one of {', '.join(known)}, not {text!r}")
        return cast(Choice, text)


def read_yaml(path: Path) -> Item:
    """Read one YAML file. Raises YamlProblem with file and line."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise YamlProblem(f"{path}:{line}: not valid YAML: {error.problem}.") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise YamlProblem(f"{path}:1: not valid YAML: {error}.") from error
    return Item(node if node is not None else yaml.MappingNode("tag:yaml.org,2002:map", []), path)
