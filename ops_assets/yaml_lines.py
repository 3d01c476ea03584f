"""YAML that remembers where each value stands, so that an error can name file and line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

Where = tuple[str | int, ...]
# libyaml where PyYAML was built with it: every process of Dagster reads the catalogue several times, and PyYAML's own
# parser takes more than a second for it.
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


class YamlDocument:
    """One parsed file. ``value`` is plain Python; ``line(path)`` is the 1-based line of the value at a path of keys."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: dict[Where, int] = {}
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)
        if root is not None:
            self._walk(root, ())
        self.value: Any = None if root is None else SafeConstructor().construct_document(root)

    def line(self, where: Sequence[str | int]) -> int:
        """The line of the nearest value that exists on the way to ``where``."""
        path = tuple(where)
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def _walk(self, node: yaml.Node, path: Where) -> None:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                here = (*path, key.value)
                # The key's own line is what a reader looks for, also when its value starts further down.
                self._lines[here] = key.start_mark.line + 1
                self._walk(value, here)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self._walk(value, (*path, index))
