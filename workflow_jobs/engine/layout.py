"""Where each step stands in its template: its sequence, its fork or decision, and what comes before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workflow_jobs.engine.template import Block, Decision, DecisionNode, Fork, ForkNode, Node, Step, Template
from workflow_jobs.engine.yaml_lines import Path


@dataclass(frozen=True, slots=True)
class Place:
    """A node's place. `parent` is (id of the fork or decision, branch) or None at the top; `path` leads to it in the
    YAML.
    """

    node: Step | Block
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
        """All steps (no forks, no decisions), in the order of the file."""
        for place in self.places.values():
            if not isinstance(place.node, Fork | Decision):
                yield place.node

    def predecessors(self, step_id: str) -> tuple[str, ...]:
        """The steps that may finish right before this one starts; empty for a first step."""
        return self.places[step_id].predecessors


def layout_of(template: Template) -> Layout:
    """The template's layout; kept on the template, because every command needs it."""
    # Asked some thirty times a command, and pydantic's own way to a private attribute is long.
    known = (template.__pydantic_private__ or {}).get("_layout")
    if not isinstance(known, Layout):
        known = _lay_out(template)
        template._layout = known
    return known


def node_of(entry: Node) -> Step | Block:
    """The step, fork or decision that an entry of a sequence holds."""
    if isinstance(entry, ForkNode):
        return entry.fork
    return entry.decision if isinstance(entry, DecisionNode) else entry


def branches_of(block: Block) -> tuple[tuple[Node, ...], ...]:
    """The sequences inside a fork or a decision; those of a decision may be empty."""
    return block.branches if isinstance(block, Fork) else tuple(rule.steps for rule in block.rules)


def inside(entry: Node) -> Iterator[str]:
    """Ids of an entry of a sequence and of everything in it, in the order of the file."""
    node = node_of(entry)
    yield node.id
    if isinstance(node, Fork | Decision):
        for branch in branches_of(node):
            for inner in branch:
                yield from inside(inner)


def _lay_out(template: Template) -> Layout:
    places: dict[str, Place] = {}
    repeated: list[tuple[str, Path]] = []

    def walk(
        sequence: tuple[Node, ...], path: Path, parent: tuple[str, int] | None, before: tuple[str, ...]
    ) -> tuple[str, ...]:
        for position, entry in enumerate(sequence):
            node = node_of(entry)
            at: Path = (*path, position)
            if isinstance(node, Fork | Decision):
                at = (*at, "fork" if isinstance(node, Fork) else "decision")
            if node.id in places:
                repeated.append((node.id, at))
                continue
            places[node.id] = Place(node, sequence, position, parent, at, before)
            if isinstance(node, Fork | Decision):
                ends: list[str] = []
                for number, branch in enumerate(branches_of(node)):
                    below: Path = ("branches", number) if isinstance(node, Fork) else ("rules", number, "steps")
                    ends += walk(branch, (*at, *below), (node.id, number), before)
                before = tuple(dict.fromkeys(ends))
            else:
                before = (node.id,)
        return before

    walk(template.steps, ("steps",), None, ())
    return Layout(places, tuple(repeated))
