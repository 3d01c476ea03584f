"""Where each step stands in its template: its sequence, its fork, and what comes before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workflow_jobs.engine.template import Fork, ForkNode, Node, Step, Template
from workflow_jobs.engine.yaml_lines import Path


@dataclass(frozen=True, slots=True)
class Place:
    """A node's place. `parent` is (fork id, branch) or None at the top; `path` leads to it in the YAML."""

    node: Step | Fork
    sequence: tuple[Node, ...]
    position: int
    parent: tuple[str, int] | None
    path: Path
    predecessors: tuple[str, ...]

    @property
    def following(self) -> Node | None:
        """The next node of the same sequence."""
        after = self.position + 1
        return self.sequence[after] if after < len(self.sequence) else None


@dataclass(frozen=True)
class Layout:
    """All places by id, in the order of the file. `repeated` lists ids used twice (a lint error)."""

    places: dict[str, Place]
    repeated: tuple[tuple[str, Path], ...] = ()

    def steps(self) -> Iterator[Step]:
        """Human and service steps, in the order of the file."""
        for place in self.places.values():
            if not isinstance(place.node, Fork):
                yield place.node

    def predecessors(self, step_id: str) -> tuple[str, ...]:
        """The human and service steps that finish right before this one starts; empty for a first step."""
        return self.places[step_id].predecessors


def layout_of(template: Template) -> Layout:
    """The template's layout; kept on the template, because every command needs it."""
    known = template._layout
    if not isinstance(known, Layout):
        known = _lay_out(template)
        template._layout = known
    return known


def node_of(entry: Node) -> Step | Fork:
    """The step or the fork that an entry of a sequence holds."""
    return entry.fork if isinstance(entry, ForkNode) else entry


def _lay_out(template: Template) -> Layout:
    places: dict[str, Place] = {}
    repeated: list[tuple[str, Path]] = []

    def walk(
        sequence: tuple[Node, ...], path: Path, parent: tuple[str, int] | None, before: tuple[str, ...]
    ) -> tuple[str, ...]:
        for position, entry in enumerate(sequence):
            node = node_of(entry)
            at: Path = (*path, position, "fork") if isinstance(node, Fork) else (*path, position)
            if node.id in places:
                repeated.append((node.id, at))
                continue
            places[node.id] = Place(node, sequence, position, parent, at, before)
            if isinstance(node, Fork):
                ends: list[str] = []
                for number, branch in enumerate(node.branches):
                    ends += walk(branch, (*at, "branches", number), (node.id, number), before)
                before = tuple(dict.fromkeys(ends))
            else:
                before = (node.id,)
        return before

    walk(template.steps, ("steps",), None, ())
    return Layout(places, tuple(repeated))
