"""Versions of a template: which there are and which is in force, moving running cases, replaying past ones.

Belongs here: one transaction for each change of what is in force, and one for each case that moves. Does not belong
here: whether a case fits and what would have gone another way (engine), SQL (store), who may give the command (the
command line asks for a login).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy.engine import Connection

from resources.ops_database import reading
from workflow_jobs.case_transactions import CaseTransactions, Change
from workflow_jobs.engine.evolve import fold
from workflow_jobs.engine.lint import lint
from workflow_jobs.engine.lint_library import lint_library
from workflow_jobs.engine.migration import Fit, fits, migrate
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.replaying import Replayed, replay_case
from workflow_jobs.engine.state import CaseState
from workflow_jobs.engine.template import Template
from workflow_jobs.process_reader import Templates
from workflow_jobs.store import case_rows, template_rows
from workflow_jobs.store import reading as rows
from workflow_jobs.store.template_rows import VersionChange
from workflow_jobs.template_names import TemplateNames

_SHORTEST_HASH: Final = 6


class VersionError(LookupError):
    """There is no such version, or none to go back to; the sentence says which there are."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a template. `first_used_at` None: no case was opened with it yet. `newest`: the folder's.

    `waits_for_start`: a running stack does not know it; the next start does, and puts it in force unless somebody chose
    another. `since` and `set_by` are set where somebody put it in force. `notes` say, after a rollback, what the linter
    finds in this version today, and what the processes that are in force now do not fit in each other.
    """

    hash: str
    version: int
    first_used_at: datetime | None
    open_cases: int
    cases: int
    newest: bool
    in_force: bool
    waits_for_start: bool = False
    since: datetime | None = None
    set_by: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of one running case: moved, or why not. `notes` say what moving means."""

    case_id: str
    moved: bool
    reasons: tuple[str, ...]
    notes: tuple[str, ...]


class TemplateVersions(CaseTransactions):
    """Built like the process service. Unknown templates raise LookupError, unknown versions VersionError.

    ``names`` are those that templates may use today; None: they are not checked.
    """

    names: TemplateNames | None = None

    def versions(self, template_id: str, ahead: Templates | None = None) -> list[Version]:
        """Every version that is known: those with which cases were opened, and the folder's; that one last.

        ``ahead`` is the folder where a stack runs, whose own templates are those with which it started.
        """
        with reading(self._engine) as connection:
            return self._versions(connection, template_id, ahead)

    def changes(self, template_id: str) -> list[VersionChange]:
        """Who put which version in force, oldest first."""
        with reading(self._engine) as connection:
            return template_rows.version_changes(connection, template_id)

    def roll_back(self, template_id: str, person_id: str, to: str | None = None) -> Version:
        """Put an earlier version in force: new cases open with it, in every process, from the next one on.

        ``to`` is a hash or its beginning; None takes the version used before the one in force.
        """

        def work(connection: Connection) -> Version:
            known = self._versions(connection, template_id)
            chosen = _named(known, to, template_id) if to is not None else _before(known, template_id)
            version = self._version(connection, template_id, chosen.hash)
            now = self._clock.now()
            case_rows.keep_template(connection, version.hash, template_id, version.text, now)
            template_rows.put_in_force(connection, template_id, version.hash, person_id, now)
            return replace(_in_force(self._versions(connection, template_id)), notes=self._misfits(connection, version))

        return self._transaction("roll_back_template", work)

    def release(self, template_id: str, person_id: str) -> Version:
        """Let the newest version of the folder be in force again. Raises VersionError where it is already."""

        def work(connection: Connection) -> Version:
            newest = self._templates.get(template_id)
            if not template_rows.release(connection, template_id, newest.hash, person_id, self._clock.now()):
                raise VersionError(
                    f"The newest version of {template_id} (version {newest.version}) is in force already."
                )
            return _in_force(self._versions(connection, template_id))

        return self._transaction("release_template", work)

    def migrate(
        self,
        template_id: str,
        person_id: str,
        *,
        to: str | None = None,
        cases: Collection[str] | None = None,
        dry_run: bool = False,
    ) -> list[Moved]:
        """Move running cases to another version (``to``; None: the one in force), each in a transaction of its own.

        ``cases`` None takes every open case that follows another version. A case either moves whole or stays as it is,
        with the reasons; a dry run only says so.
        """
        with reading(self._engine) as connection:
            target = self._target(connection, template_id, to)
            if cases is None:
                wanted = template_rows.open_cases(connection, template_id, other_than=target.hash)
            else:
                wanted = list(dict.fromkeys(cases))
                found = template_rows.templates_of(connection, wanted)
                for case_id in wanted:
                    if found.get(case_id) != template_id:
                        raise VersionError(f"There is no case {case_id!r} of {template_id}.")
        return [
            self._look(case_id, target) if dry_run else self._move(case_id, target, person_id) for case_id in wanted
        ]

    def replay(
        self, template_id: str, *, to: str | None = None, limit: int = 50, ahead: Templates | None = None
    ) -> list[Replayed]:
        """Play the newest past cases on another version (``to``; None: the folder's newest), newest first.

        ``ahead`` is the folder where a stack runs, whose own templates are those with which it started.
        Each is compared with a play on the version with which it was opened, with the people and calendars of today.
        """
        directory = self._directory()

        with reading(self._engine) as connection:
            newest = (ahead or self._templates).get(template_id)
            target = newest if to is None else self._target(connection, template_id, to, ahead)
            replayed = []
            for case_id in template_rows.newest_cases(connection, template_id, limit):
                log = [event for event, _ in rows.case_events(connection, case_id)]
                old = self._stored(connection, template_id, template_rows.pinned_at_opening(connection, case_id))
                replayed.append(replay_case(log, old, target, partial(self._company, directory=directory)))
            return replayed

    def _look(self, case_id: str, target: Template) -> Moved:
        with reading(self._engine) as connection:
            state = self._known(case_rows.read(connection, case_id), case_id)
            fit = fits(state, self._template_of(connection, state), target)
        return Moved(case_id, False, fit.reasons, fit.notes)

    def _move(self, case_id: str, target: Template, person_id: str) -> Moved:
        directory = self._directory()

        def work(connection: Connection) -> Moved:
            state = self._locked(connection, case_id)
            old, now = self._template_of(connection, state), self._clock.now()
            fit: Fit = fits(state, old, target)
            if fit.reasons:
                return Moved(case_id, False, fit.reasons, fit.notes)
            case_rows.keep_template(connection, target.hash, target.id, target.text, now)
            environment = self._environment(connection, target, state.data, directory)
            events = migrate(state, old, target, now, environment, person_id)
            after: CaseState = fold(state, events)
            self._write(connection, Change(state, after, events), target, directory, now, "cli")
            return Moved(case_id, True, (), fit.notes)

        try:
            return self._transaction("migrate_case", work)
        except Refused as refused:
            return Moved(case_id, False, (refused.sentence,), ())

    def _misfits(self, connection: Connection, version: Template) -> tuple[str, ...]:
        """What the linter finds today in a version that was put in force, such as a job or a role that is gone, and
        between the processes as they are in force. It is said, not refused: of two processes that are both to go back,
        one must go first.
        """
        names = self.names or TemplateNames(None, None, None, None)
        within = lint(version, names.roles, names.jobs, names.skills, names.calendars)
        known = self._templates if isinstance(self._templates, Iterable) else ()
        between = lint_library([self._in_force(connection, one.id) for one in known])
        return tuple(dict.fromkeys(map(str, (*within, *between))))

    def _target(
        self, connection: Connection, template_id: str, to: str | None, ahead: Templates | None = None
    ) -> Template:
        if to is None:
            return self._in_force(connection, template_id)
        wanted = _named(self._versions(connection, template_id, ahead), to, template_id).hash
        return self._version(connection, template_id, wanted, ahead)

    def _version(
        self, connection: Connection, template_id: str, content_hash: str, ahead: Templates | None = None
    ) -> Template:
        for newest in (_newest(self._templates, template_id), _newest(ahead, template_id)):
            if newest is not None and newest.hash == content_hash:
                return newest
        return self._stored(connection, template_id, content_hash)

    def _versions(self, connection: Connection, template_id: str, ahead: Templates | None = None) -> list[Version]:
        started = _newest(self._templates, template_id)
        coming = started if ahead is None else _newest(ahead, template_id)
        if started is None and coming is None:
            self._templates.get(template_id)  # says which there are
        chosen = template_rows.chosen(connection, template_id)
        in_force = started and (chosen or started).hash
        found = []
        stored = {one.hash: one for one in template_rows.stored_versions(connection, template_id)}
        last = dict.fromkeys(one.hash for one in (started, coming) if one is not None)
        for content_hash in (*(one for one in stored if one not in last), *last):
            row = stored.get(content_hash)
            number = self._version(connection, template_id, content_hash, ahead).version
            by_hand = chosen if chosen is not None and chosen.hash == content_hash else None
            newest = coming is not None and content_hash == coming.hash
            found.append(
                Version(
                    hash=content_hash,
                    version=number,
                    first_used_at=row.first_used_at if row is not None else None,
                    open_cases=row.open_cases if row is not None else 0,
                    cases=row.cases if row is not None else 0,
                    newest=newest,
                    in_force=content_hash == in_force,
                    waits_for_start=newest and (started is None or content_hash != started.hash),
                    since=by_hand.since if by_hand is not None else None,
                    set_by=by_hand.set_by if by_hand is not None else None,
                )
            )
        return found


def _newest(templates: Templates | None, template_id: str) -> Template | None:
    """The template as these have it; None where they do not."""
    try:
        return templates.get(template_id) if templates is not None else None
    except LookupError:
        return None


def _in_force(versions: Collection[Version]) -> Version:
    return next(one for one in versions if one.in_force)


def _before(versions: list[Version], template_id: str) -> Version:
    """The version before the one in force."""
    place = versions.index(_in_force(versions))
    if place == 0:
        raise VersionError(f"There is no version of {template_id} before the one in force.")
    return versions[place - 1]


def _named(versions: Collection[Version], to: str, template_id: str) -> Version:
    """The version with that hash; its beginning is enough where it is not shared."""
    wanted = to.removeprefix("sha256:")
    found = [one for one in versions if one.hash.removeprefix("sha256:").startswith(wanted)]
    if len(wanted) < _SHORTEST_HASH or len(found) != 1:
        known = ", ".join(one.hash.removeprefix("sha256:")[:12] for one in versions)
        what = "several versions begin with" if len(found) > 1 else "there is no version"
        raise VersionError(f"{template_id}: {what} {to!r} (there are: {known}; give {_SHORTEST_HASH} letters or more).")
    return found[0]
