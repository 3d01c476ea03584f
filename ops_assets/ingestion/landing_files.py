"""Which files wait in the landing folder, in which order, and as of when.

Files are only looked at, never moved or changed. A writer must give a file its final name by renaming it when it is
complete: names that start with a dot or end in ``.tmp`` or ``.part`` are passed over.

Order of loading: (day of arrival, name). The day of arrival is the one in the optional manifest ``_arrivals.jsonl``
(lines ``{"file": ..., "arrived_on": "YYYY-MM-DD"}``), else the day in the file's name, else the day it is first seen.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from ops_assets.ingestion.landing_schema import LandingSchema, LandingTable
from ops_assets.ingestion.ledger import landing_file, printable
from resources.clock import Clock
from resources.ops_database import reading

ARRIVALS = "_arrivals.jsonl"
_UNFINISHED = (".tmp", ".part", ".crdownload", "~")
_DATED = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?:T(\d{2})(\d{2})(?!\d))?")
# Reasons that a changed landing schema may mend.
_MENDABLE = ("unparseable", "columns_changed", "date_format_changed")


class LandingFolderError(RuntimeError):
    """The landing folder or its manifest cannot be read; the text says which file and how to mend it."""


@dataclass(frozen=True, slots=True)
class PendingFile:
    """A file that ingestion has not dealt with.

    ``source_at`` is the instant that its rows stand for: the time in its name, else the end of the day in its name
    but not later than now. ``version`` counts the contents seen under this path. ``batch_id`` follows from table, path,
    version and content, so that a repeated attempt is the same batch; it is empty where hashing was not asked for.
    """

    table: LandingTable
    path: str
    file: Path
    size: int
    mtime_ns: int
    sha256: str
    version: int
    file_date: date | None
    arrived_on: date
    source_at: datetime
    released: bool = False

    @property
    def batch_id(self) -> str:
        if not self.sha256:
            return ""
        text = "\n".join((self.table.identifier, self.path, str(self.version), self.sha256))
        return "f-" + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Scan:
    """What lies in the landing folder: pending files in order of loading, unchanged but touched ones, and strangers."""

    pending: tuple[PendingFile, ...]
    touched: tuple[tuple[int, int, int], ...]
    unclaimed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    id: int
    version: int
    size: int
    mtime_ns: int
    sha256: str
    again: bool
    released: bool


def pending_files(
    engine: sa.Engine, schema: LandingSchema, landing_dir: Path, *, clock: Clock, zone: ZoneInfo
) -> list[PendingFile]:
    """Files to load, in order. Costs a directory listing; only files of unknown size or time are read (hashed)."""
    return list(scan(engine, schema, landing_dir, clock=clock, zone=zone).pending)


def scan(engine: sa.Engine, schema: LandingSchema, landing_dir: Path, *, clock: Clock, zone: ZoneInfo) -> Scan:
    """Look through the landing folder and compare it with the ledger. Raises LandingFolderError."""
    arrivals = _read_arrivals(landing_dir)
    known = _known_files(engine, schema)
    now = clock.now()
    claims = _Claims(schema)
    pending: list[PendingFile] = []
    touched: list[tuple[int, int, int]] = []
    unclaimed: list[str] = []
    for path, entry in _walk(landing_dir):
        table = claims.of(path)
        if table is None or printable(path) != path:
            unclaimed.append(printable(path))
            continue
        stat = entry.stat()
        last = known.get((table.identifier, path))
        same = last is not None and (last.size, last.mtime_ns) == (stat.st_size, stat.st_mtime_ns)
        if last is not None and same and not last.again:
            continue
        file = Path(entry.path)
        digest = hashlib.sha256(_read(file)).hexdigest()
        if last is not None and digest == last.sha256 and not last.again:
            touched.append((last.id, stat.st_size, stat.st_mtime_ns))
            continue
        again = last is not None and last.again and digest == last.sha256
        version = 1 if last is None else last.version + (0 if again else 1)
        file_date, source_at = dated(path, now, zone)
        pending.append(
            PendingFile(
                table=table,
                path=path,
                file=file,
                size=stat.st_size,
                mtime_ns=stat.st_mtime_ns,
                sha256=digest,
                version=version,
                file_date=file_date,
                arrived_on=arrivals.get(path) or file_date or now.astimezone(zone).date(),
                source_at=source_at,
                released=again and last is not None and last.released,
            )
        )
    # By name without its ending, so that "x.csv" comes before "x copy.csv".
    pending.sort(key=lambda file: (file.table.identifier, file.arrived_on, file.file.stem, file.path))
    return Scan(tuple(pending), tuple(touched), tuple(sorted(unclaimed)))


def dated(path: str, now: datetime, zone: ZoneInfo) -> tuple[date | None, datetime]:
    """(day in the file's name or None, instant in UTC that the file's rows stand for)."""
    match = _DATED.search(path.rpartition("/")[2])
    if match is None:
        return None, now
    try:
        day = date.fromisoformat(match[1])
        if match[2] is not None:
            moment = datetime.combine(day, time(int(match[2]), int(match[3])), zone)
            return day, moment.astimezone(UTC)
    except ValueError:  # digits that are no date
        return None, now
    day_end = datetime.combine(day + timedelta(days=1), time(), zone) - timedelta(microseconds=1)
    return day, min(day_end.astimezone(UTC), now)


class _Claims:
    """Finds the table whose glob names a path; the glob with the most literal text wins."""

    def __init__(self, schema: LandingSchema) -> None:
        globs = [(glob, table) for table in schema.tables for glob in table.files]
        globs.sort(key=lambda claim: -len(claim[0].replace("*", "").replace("?", "")))
        self._patterns = [(re.compile(_glob_regex(glob)), table) for glob, table in globs]

    def of(self, path: str) -> LandingTable | None:
        return next((table for pattern, table in self._patterns if pattern.fullmatch(path)), None)


def _glob_regex(glob: str) -> str:
    parts = {"*": "[^/]*", "?": "[^/]"}
    return "".join(parts.get(character) or re.escape(character) for character in glob)


def _walk(root: Path, below: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        entries = sorted(os.scandir(root / below), key=lambda entry: entry.name)
    except FileNotFoundError:
        if below:
            return  # removed while we were looking
        raise LandingFolderError(
            f"The landing folder {root} does not exist. Create it, or point TRUELOOP_SOURCE_DIR to the source files."
        ) from None
    except (PermissionError, NotADirectoryError) as error:
        raise LandingFolderError(f"The landing folder {root / below} cannot be read: {error.strerror}.") from error
    for entry in entries:
        path = f"{below}/{entry.name}" if below else entry.name
        if entry.name.startswith(".") or entry.name.endswith(_UNFINISHED) or path == ARRIVALS:
            continue
        if entry.is_dir():
            yield from _walk(root, path)
        elif entry.is_file():
            yield path, entry


def _read_arrivals(landing_dir: Path) -> dict[str, date]:
    manifest = landing_dir / ARRIVALS
    try:
        lines = manifest.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    arrivals: dict[str, date] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            arrivals[str(entry["file"])] = date.fromisoformat(entry["arrived_on"])
        except (ValueError, KeyError, TypeError) as error:
            raise LandingFolderError(
                f'{manifest}:{number}: expected {{"file": ..., "arrived_on": "YYYY-MM-DD"}}, found {line[:120]!r}.'
            ) from error
    return arrivals


def _known_files(engine: sa.Engine, schema: LandingSchema) -> Mapping[tuple[str, str], _Known]:
    """The newest version of every file in the ledger. A file left ``loading`` by a killed process counts as unknown."""
    hashes = {table.identifier: table.schema_hash for table in schema.tables}
    c = landing_file.c
    query = sa.select(
        c.id, c.table_name, c.path, c.version, c.size, c.mtime_ns, c.sha256, c.status, c.reason, c.schema_hash,
        c.released_at,
    ).order_by(c.version)  # fmt: skip
    known: dict[tuple[str, str], _Known] = {}
    with reading(engine) as connection:
        rows: Iterable[sa.Row[tuple[int, str, str, int, int, int, str, str, str, str, datetime]]]
        rows = connection.execute(query)
        for row in rows:
            set_aside = row.status == "set_aside"
            released = set_aside and row.released_at is not None
            mended = set_aside and row.reason in _MENDABLE and row.schema_hash != hashes.get(row.table_name)
            again = row.status == "loading" or released or mended
            known[row.table_name, row.path] = _Known(
                row.id, row.version, row.size, row.mtime_ns, row.sha256, again, released
            )
    return known


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise LandingFolderError(f"{file} cannot be read: {error.strerror}. Mend its permissions.") from error
