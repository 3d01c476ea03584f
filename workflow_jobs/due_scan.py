"""Going through everything that is due, so that nothing that fails keeps what comes behind it from its turn.

Belongs here: the order in which pages of several kinds are read and worked on, what happens after a failure, and where
a scan goes on that had to stop. Does not belong here: what is due (store), and what is done with it (its callers).

A scan goes past what failed to what comes behind it. Where its time is over before it has seen everything, it says
where it stopped, and the next one goes on from there; so in a few scans each thing that is due has its turn, however
many fail at the front. Kinds take turns, so that none waits for all of another.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from workflow_jobs.store.due_rows import START, Place

W = TypeVar("W", bound=Hashable)
Page = Callable[[Place], Sequence[tuple[Place, W]]]
"""What is due behind a place, in order; empty where there is nothing more."""


@dataclass(frozen=True)
class Seen:
    """How a scan went. ``left`` says by kind where the next one goes on; of the other kinds all was seen."""

    failures: tuple[Exception, ...]
    left: Mapping[str, Place]


def never() -> bool:
    """A scan without a limit to its time."""
    return False


def listed(items: Sequence[tuple[Place, W]]) -> Page[W]:
    """What is due as one page, where it was read at once because its order is none of the database's."""
    ordered = sorted(items, key=lambda item: item[0])
    return lambda behind: [item for item in ordered if item[0] > behind]


def work_through(
    kinds: Mapping[str, Page[W]],
    do: Callable[[W], None],
    *,
    begin: Mapping[str, Place] | None = None,
    enough: Callable[[], bool] = never,
) -> Seen:
    """Do everything that is due once, until there is no more or ``enough`` says that the time is over.

    ``begin`` is where an earlier scan stopped. What raises is passed over; the failures are returned. At least one
    thing of each kind is done in each scan, so that it moves on whatever ``enough`` says.
    """
    stands = {kind: (begin or {}).get(kind, START) for kind in kinds}
    waiting = {kind: _behind(page, stands[kind]) for kind, page in kinds.items()}
    done: set[W] = set()
    failures: list[Exception] = []
    while waiting:
        for kind, items in tuple(waiting.items()):
            item = next(items, None)
            if item is None:
                del waiting[kind]
                continue
            stands[kind], work = item
            if work in done:
                continue
            done.add(work)
            try:
                do(work)
            except Exception as error:  # noqa: BLE001 - handed to the caller, who raises them together
                failures.append(error)
        if enough():
            break
    return Seen(tuple(failures), {kind: stands[kind] for kind in waiting})


def _behind(page: Page[W], place: Place) -> Iterator[tuple[Place, W]]:
    while found := page(place):
        yield from found
        place = found[-1][0]
