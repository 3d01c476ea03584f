"""Takes a metric back to an earlier approved version, for the next request.

First the register and the figures: they never wait for dbt. Then the files of that version are laid over the checkout,
so that the next refresh computes it on today's data. Where that cannot be done without changing another metric, the
figures stay those of the earlier version, held and dated, and the sentence says what stands in the way.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from ops_assets.catalog import load_catalog
from ops_assets.checks.trust import Words
from ops_assets.definition_change.candidate import CandidateError, compile_project
from ops_assets.definition_change.register import Register, Version, put_in_force
from ops_assets.definition_change.swapped_snapshot import publish_swapped, snapshot_with_version
from resources.platform import Platform
from resources.project_folders import lay_over, project_files


class RollbackError(ValueError):
    """A rollback that cannot be done; the sentence says why and what to do."""


@dataclass(frozen=True)
class RolledBack:
    """``snapshot_id`` is the snapshot in which it took effect, empty where no kept snapshot has the version.

    ``files`` are laid over the checkout; ``obstacle`` says why the version cannot be computed anew, if so.
    """

    metric: str
    version: int
    left: int
    snapshot_id: str
    figures_of: str
    files: tuple[str, ...] = ()
    obstacle: str = ""


def roll_back(
    platform: Platform, metric: str, to: int | None, *, reason: str, by: str, roles: Collection[str]
) -> RolledBack:
    """Put an earlier version of ``metric`` in force; its figures are served by the next request.

    ``by`` is the person who does it, ``roles`` the roles that he holds. Raises RollbackError, UnknownVersionError.
    """
    register = Register(platform.ops_engine)
    current = register.in_force().get(metric)
    if current is None:
        raise RollbackError(f"{metric} has no approved definition yet; nothing was published.")
    _refuse_strangers(platform, metric, roles)
    if not reason.strip():
        raise RollbackError("A rollback needs a reason.")
    target = register.version(metric, to) if to is not None else _before(register, current)
    if target.version == current.version:
        raise RollbackError(f"Version {target.version} of {metric} is in force already.")
    store = platform.snapshots
    now = platform.clock.now()
    with store.publishing():
        earlier = snapshot_with_version(store, metric, target.version)
        with platform.ops_engine.begin() as connection:
            put_in_force(
                connection, target, new=False, kind="rolled_back", now=now, reason=reason, by=by, approved_by=by
            )
        if earlier is None:
            return RolledBack(metric, target.version, current.version, "", "")
        words = Words(
            f"Rolled back from version {current.version} to {target.version}; the next refresh computes it anew.",
            f"已从版本 {current.version} 回退到版本 {target.version}；下次刷新时按该版本重新计算。",
        )
        info = publish_swapped(
            store,
            metric,
            earlier,
            now=now,
            reason=words,
            keep=platform.settings.snapshots_kept,
            kept_for=timedelta(hours=platform.settings.snapshots_kept_hours),
        )
    return RolledBack(metric, target.version, current.version, info.id, earlier.as_of.isoformat())


def restore_files(platform: Platform, done: RolledBack) -> RolledBack:
    """Lay the files of the version that is in force again over the checkout; the next refresh computes with them."""
    target = Register(platform.ops_engine).version(done.metric, done.version)
    try:
        files = _files_of(platform, target)
    except CandidateError as error:
        return RolledBack(**{**vars(done), "obstacle": str(error)})
    with platform.warehouse.exclusive(), platform.ops_engine.begin() as connection:
        lay_over(connection, files, change_id=f"rollback to {done.version}", since=platform.clock.now())
    platform.projects.absorb()
    return RolledBack(**{**vars(done), "files": tuple(sorted(files))})


def _before(register: Register, current: Version) -> Version:
    """The version that was in force before the current one came."""
    for change in register.history(current.metric):
        if change.version != current.version:
            return register.version(current.metric, change.version)
    raise RollbackError(f"{current.metric} has one version only, so there is none to go back to.")


def _refuse_strangers(platform: Platform, metric: str, roles: Collection[str]) -> None:
    owner = load_catalog(platform.models_dir).metric(metric).raci.accountable
    if not {owner, "data_owner"} & set(roles):
        raise RollbackError(f"{metric} is rolled back by its owner ({owner}) or the data owner (data_owner) alone.")


def _files_of(platform: Platform, target: Version) -> dict[str, str]:
    """The files that give the metric the target's meaning and leave every other metric alone. Raises CandidateError."""
    folders = platform.projects
    now, then = folders.in_force(), folders.copy(target.project)
    differing = [
        path for path in project_files(then) if folders.text(now, path) != (then / path).read_text(encoding="utf-8")
    ]
    models = set(target.meaning.sql)
    own = {path for path in differing if path.rpartition("/")[2].rpartition(".")[0] in models}
    semantic = {
        path
        for path in differing
        if path.startswith("models/semantic/") and target.metric.removeprefix("metric_") in path
    }
    macros = {path for path in differing if path.startswith("macros/")}
    others = ""
    for chosen in (own | semantic, own | semantic | macros):
        files = {path: (then / path).read_text(encoding="utf-8") for path in sorted(chosen)}
        compiled = compile_project(platform, folders.copy_with(now, files))
        in_force = Register(platform.ops_engine).in_force()
        if target.means(compiled.meanings[target.metric]):
            moved = sorted(
                name
                for name, meaning in compiled.meanings.items()
                if name != target.metric and name in in_force and not in_force[name].means(meaning)
            )
            if not moved:
                return files
            others = ", ".join(moved)
    if others:
        raise CandidateError(
            f"The files of version {target.version} would also change {others}; propose the way back instead, so that "
            "their owners are asked."
        )
    raise CandidateError(
        f"The files of version {target.version} no longer give {target.metric} its meaning, since what it stands on "
        "has changed; propose the way back instead."
    )
