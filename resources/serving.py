"""Published snapshots: what every reader of figures opens.

A snapshot is an immutable, read-only DuckDB file whose name carries its id (DuckDB would go on serving the old content
of a path that is re-opened in one process), with views over immutable Parquet partitions that snapshots share. Readers
follow ``current.json``, which is replaced atomically, so a switch is never seen half done. Writing the content of a
snapshot is the business of ops_assets.publishing; this module knows only files, the pointer and reading.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
from filelock import FileLock

from resources.durable_files import sync_file, write_json_atomically

_opening = threading.Lock()


class UnknownSnapshotError(LookupError):
    """The named snapshot does not exist (any more)."""


@dataclass(frozen=True)
class SnapshotInfo:
    """One published snapshot. ``published_at`` is UTC; ``as_of`` is the pack's local date.

    ``batch_seq`` is the last ingested batch in it; ``inputs`` identifies everything that it was made from;
    ``definitions`` is the digest of the definitions behind its figures.
    """

    id: str
    sequence: int
    published_at: datetime
    as_of: date
    pack: str
    batch_seq: int
    held: tuple[str, ...]
    inputs: str = ""
    definitions: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "sequence": self.sequence,
            "published_at": self.published_at.isoformat(),
            "as_of": self.as_of.isoformat(),
            "pack": self.pack,
            "batch_seq": self.batch_seq,
            "held": list(self.held),
            "inputs": self.inputs,
            "definitions": self.definitions,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> SnapshotInfo:
        return cls(
            id=body["id"],
            sequence=body["sequence"],
            published_at=datetime.fromisoformat(body["published_at"]),
            as_of=date.fromisoformat(body["as_of"]),
            pack=body["pack"],
            batch_seq=body["batch_seq"],
            held=tuple(body["held"]),
            inputs=body.get("inputs", ""),
            definitions=body.get("definitions", ""),
        )


class Snapshot:
    """One snapshot opened for reading. Threads may share it: each call works on its own cursor."""

    def __init__(self, info: SnapshotInfo, path: Path, parts_dir: Path) -> None:
        self.info = info
        self.path = path
        self._parts_dir = parts_dir
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._lock = threading.Lock()

    @property
    def id(self) -> str:
        return self.info.id

    @property
    def as_of(self) -> date:
        return self.info.as_of

    @property
    def published_at(self) -> datetime:
        return self.info.published_at

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A cursor that can read this snapshot and its partitions and nothing else on the machine."""
        with self._lock:
            if self._connection is None:
                self._connection = _open_locked(self.path, self._parts_dir)
            return self._connection.cursor()

    def rows(self, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> list[dict[str, Any]]:
        """The rows of a query as dictionaries. ``sql`` is ours, never a caller's text."""
        cursor = self.connect()
        try:
            cursor.execute(sql, parameters)
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        finally:
            cursor.close()

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


class SnapshotStore:
    """The folder of snapshots: the pointer to the current one, listing, switching and rollback."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.snapshots_dir = root / "snapshots"
        self.parts_dir = root / "parts"
        self._definitions_dir = root / "definitions"
        self._pointer = root / "current.json"
        self._open: Snapshot | None = None
        self._lock = threading.Lock()
        self._publishing = FileLock(root / ".publishing.lock", timeout=600)

    def current(self) -> Snapshot | None:
        """The published snapshot, or None while nothing was published. The handle stays open until a switch."""
        pointer = self.pointer()
        if pointer is None:
            return None
        with self._lock:
            if self._open is None or self._open.id != pointer["id"]:
                # The old handle is not closed here: another thread may be reading from it. It goes with its last user.
                self._open = self.get(pointer["id"])
            return self._open

    def pointer(self) -> dict[str, Any] | None:
        """What ``current.json`` says: id, pinned (set by a rollback, so that refreshes do not undo it), reason."""
        try:
            text = self._pointer.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        pointer: dict[str, Any] = json.loads(text)
        return pointer

    def get(self, snapshot_id: str) -> Snapshot:
        """Open one snapshot by id. Raises UnknownSnapshotError."""
        for info in self.list():
            if info.id == snapshot_id:
                return Snapshot(info, self.path_of(snapshot_id), self.parts_dir)
        raise UnknownSnapshotError(
            f"There is no snapshot {snapshot_id!r}; `./trueloop snapshots list` shows those that are kept."
        )

    def list(self) -> list[SnapshotInfo]:
        """All complete snapshots, newest first. A snapshot is complete once its manifest stands beside it."""
        if not self.snapshots_dir.is_dir():
            return []
        found = [SnapshotInfo.from_json(body) for body in self._manifests()]
        return sorted(found, key=lambda info: info.sequence, reverse=True)

    def _manifests(self) -> Iterator[dict[str, Any]]:
        for path in self.snapshots_dir.glob("*.json"):
            # A refresh may prune an old snapshot between the listing and this line; no reader may fail for that.
            with suppress(FileNotFoundError):
                yield json.loads(path.read_text(encoding="utf-8"))

    def path_of(self, snapshot_id: str) -> Path:
        return self.snapshots_dir / f"{snapshot_id}.duckdb"

    def commit(self, info: SnapshotInfo, built: Path, parts: Sequence[str] = ()) -> None:
        """Take a finished snapshot file in, durably: file first, manifest last. Does not switch to it.

        ``parts`` are the Parquet files that its views read, relative to ``parts_dir``.
        """
        self.snapshots_dir.mkdir(parents=True, exist_ok=True)
        sync_file(built)
        built.replace(self.path_of(info.id))
        write_json_atomically(self.snapshots_dir / f"{info.id}.json", {**info.to_json(), "parts": list(parts)})

    def switch(self, snapshot_id: str, *, pinned: bool = False, reason: str = "") -> None:
        """Make a snapshot the current one. Readers see the old or the new one, never neither."""
        self.get(snapshot_id)
        write_json_atomically(self._pointer, {"id": snapshot_id, "pinned": pinned, "reason": reason})

    def serve_newest(self) -> bool:
        """Make the newest snapshot the current one unless a rollback pins another; whether it was not so before."""
        newest, pointer = self.list()[:1], self.pointer()
        if not newest or (pointer is not None and (pointer["pinned"] or pointer["id"] == newest[0].id)):
            return False
        self.switch(newest[0].id)
        return True

    def rollback(self, snapshot_id: str | None, reason: str) -> SnapshotInfo:
        """Go back to ``snapshot_id`` (default: the one before the current) and stay there until resumed."""
        kept = self.list()
        pointer = self.pointer()
        if pointer is None:
            raise UnknownSnapshotError("Nothing was published yet, so there is nothing to roll back.")
        if snapshot_id is None:
            current = next((info for info in kept if info.id == pointer["id"]), None)
            older = [info for info in kept if current is not None and info.sequence < current.sequence]
            if not older:
                raise UnknownSnapshotError("The current snapshot is the oldest one kept; there is none before it.")
            snapshot_id = older[0].id
        self.switch(snapshot_id, pinned=True, reason=reason)
        return self.get(snapshot_id).info

    def resume(self) -> SnapshotInfo:
        """End a rollback: the newest snapshot becomes the current one again."""
        kept = self.list()
        if not kept:
            raise UnknownSnapshotError("Nothing was published yet.")
        self.switch(kept[0].id)
        return kept[0]

    def definitions_path(self, digest: str) -> Path:
        return self._definitions_dir / f"{digest}.json"

    def write_definitions(self, digest: str, body: Mapping[str, Any]) -> None:
        """Keep the definitions behind snapshots under their digest; does nothing if they are kept already."""
        path = self.definitions_path(digest)
        if not path.exists():
            write_json_atomically(path, body)

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Hold the right to write the next snapshot; of a rollback and a refresh, one waits. Re-entrant."""
        self.root.mkdir(parents=True, exist_ok=True)
        with self._publishing:
            yield

    def parts_of(self, snapshot_id: str) -> tuple[str, ...]:
        """The Parquet files that a snapshot reads, relative to ``parts_dir``."""
        body = json.loads((self.snapshots_dir / f"{snapshot_id}.json").read_text(encoding="utf-8"))
        return tuple(body.get("parts", []))

    def remove_orphans(self) -> None:
        """Delete what no kept snapshot names: Parquet files, definitions and unfinished snapshots, of pruned ones or of
        a publication that died. The caller holds ``publishing()``.
        """
        parts: set[str] = set()
        definitions: set[str] = set()
        snapshots: set[str] = set()
        for body in self._manifests():
            parts.update(body.get("parts", []))
            definitions.add(body.get("definitions", ""))
            snapshots.update((f"{body['id']}.json", self.path_of(body["id"]).name))
        for path in self.snapshots_dir.glob("*"):
            if path.is_file() and path.name not in snapshots:
                path.unlink(missing_ok=True)
        for path in self.parts_dir.rglob("*.parquet"):
            if str(path.relative_to(self.parts_dir)) not in parts:
                path.unlink(missing_ok=True)
        for path in self._definitions_dir.glob("*.json"):
            if path.stem not in definitions:
                path.unlink(missing_ok=True)

    def prune(self, keep: int, since: datetime | None = None) -> tuple[str, ...]:
        """Delete all but the newest ``keep`` snapshots, the current one, and the last one of each (UTC) hour since
        ``since`` (aware); returns the deleted ids.

        By number alone, publications every minute would leave less than an hour to look back at; all of a day's would
        fill the disk.
        """
        pointer = self.pointer()
        current = pointer["id"] if pointer else None
        deleted = []
        listed = self.list()
        for newer, info in zip(listed[keep - 1 :], listed[keep:], strict=False):
            last_of_its_hour = _hour(newer.published_at) != _hour(info.published_at)
            if info.id == current or (since is not None and info.published_at >= since and last_of_its_hour):
                continue
            # The manifest goes first: a snapshot without one is not listed, so nobody opens a half-deleted one.
            (self.snapshots_dir / f"{info.id}.json").unlink(missing_ok=True)
            self.path_of(info.id).unlink(missing_ok=True)
            deleted.append(info.id)
        return tuple(deleted)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _open_locked(path: Path, parts_dir: Path) -> duckdb.DuckDBPyConnection:
    """Open a snapshot read-only and close every way out of it but the partitions.

    Handles of one process on one file share DuckDB's instance, so the second one finds it locked already.
    """
    with _opening:
        connection = duckdb.connect(str(path), read_only=True, config={"threads": "2", "memory_limit": "512MB"})
        locked = connection.execute("select current_setting('lock_configuration')").fetchone()
        if locked is None or not locked[0]:
            quoted = str(parts_dir).replace("'", "''")
            # The order matters: once external access is off, the allowed directories cannot be widened.
            for setting in (
                f"allowed_directories = ['{quoted}/']",
                "autoinstall_known_extensions = false",
                "autoload_known_extensions = false",
                "enable_external_access = false",
                "lock_configuration = true",
            ):
                connection.execute(f"SET {setting}")
        return connection
