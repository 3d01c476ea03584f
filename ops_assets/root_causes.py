"""Failures grouped by what causes them: one root cause with everything that fails because of it.

Belongs here: the grouping, pure. Does not belong here: what counts as a failure (`ops_assets.failures` reads it from a
snapshot: red lines and failed builds; a warning lowers trust and opens nothing), and what is done about it (cases).

The rule. A failed asset is a root cause if none of its ancestors failed. A timeliness failure of an asset that stands
on a source whose delivery is in trouble (set aside, or did not come) is explained by that source, which is then the
root. Whatever fails downstream of a root is its symptom, whichever check failed; with several roots above it, of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["asset", "source"]


@dataclass(frozen=True, slots=True, order=True)
class Failure:
    """One failed check of an asset. ``timeliness`` says that it is about the age of the data.

    ``sentence`` says what was observed and where the limit lies.
    """

    asset: str
    check: str
    sentence: str = ""
    timeliness: bool = False


@dataclass(frozen=True, slots=True)
class SourceTrouble:
    """A delivery that is missing: ``id`` is stable (``source/<system>`` or ``source/<system>/<table>``), ``tables`` are
    the raw tables that it would have filled.
    """

    id: str
    label: str
    tables: frozenset[str]
    sentence: str


@dataclass(frozen=True, slots=True)
class RootCause:
    """One root cause. ``failures`` are its own, ``symptoms`` the other assets that fail because of it, sorted."""

    id: str
    kind: Kind
    label: str
    failures: tuple[Failure, ...]
    symptoms: tuple[str, ...]


def root_causes(
    failures: Iterable[Failure],
    upstream: Mapping[str, frozenset[str]],
    sources: Mapping[str, frozenset[str]],
    troubles: Sequence[SourceTrouble] = (),
) -> tuple[RootCause, ...]:
    """The root causes, sorted by id; every failed asset is the root or a symptom of at least one.

    ``upstream`` maps an asset to all that it stands on (transitively, itself not included), ``sources`` to the raw
    tables that it stands on. No root stands on another one.
    """
    by_asset: dict[str, list[Failure]] = {}
    for failure in sorted(set(failures)):
        by_asset.setdefault(failure.asset, []).append(failure)
    failed = frozenset(by_asset)
    explained: dict[str, set[str]] = {}
    for asset, found in by_asset.items():
        if any(one.timeliness for one in found):
            for trouble in troubles:
                if trouble.tables & sources.get(asset, frozenset()):
                    explained.setdefault(trouble.id, set()).add(asset)
    late = frozenset(asset for assets in explained.values() for asset in assets)
    own: dict[str, tuple[Failure, ...]] = {}
    for asset in sorted(failed):
        if upstream.get(asset, frozenset()) & failed - {asset}:
            continue
        unexplained = tuple(one for one in by_asset[asset] if not (one.timeliness and asset in late))
        if unexplained:
            own[asset] = unexplained
    found_roots = [
        RootCause(
            id=root,
            kind="asset",
            label=root,
            failures=own[root],
            symptoms=tuple(sorted(one for one in failed if root in upstream.get(one, frozenset()) and one != root)),
        )
        for root in own
    ]
    by_id = {trouble.id: trouble for trouble in troubles}
    for root, assets in explained.items():
        below = {one for one in failed if assets & upstream.get(one, frozenset())}
        found_roots.append(
            RootCause(
                id=root,
                kind="source",
                label=by_id[root].label,
                failures=(Failure(root, "delivery", by_id[root].sentence, timeliness=True),),
                symptoms=tuple(sorted(assets | below)),
            )
        )
    return tuple(sorted(found_roots, key=lambda root: root.id))
