"""Which files are set aside whole: shorter exports, duplicate exports; and which are late. Pure.

``History`` is what the ledger says was loaded for one table; it grows as files of the same run are accepted.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass, field
from datetime import date, datetime

from ops_assets.ingestion.landing_files import PendingFile
from ops_assets.ingestion.landing_schema import LandingTable


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """A file version that counts as loaded."""

    path: str
    version: int
    sha256: str
    rows_in: int
    file_date: date | None
    source_at: datetime


@dataclass(slots=True)
class History:
    """Loaded files of one table, with the look-ups that the guards need."""

    _in_order: list[LoadedFile] = field(default_factory=list)
    _by_path: dict[str, LoadedFile] = field(default_factory=dict)
    _by_content: dict[str, list[LoadedFile]] = field(default_factory=dict)
    _newest_date: date | None = None

    def add(self, file: LoadedFile) -> None:
        insort(self._in_order, file, key=lambda known: (known.source_at, known.version))
        if file.version >= self._by_path.get(file.path, file).version:
            self._by_path[file.path] = file
        self._by_content.setdefault(file.sha256, []).append(file)
        if file.file_date is not None and (self._newest_date is None or file.file_date > self._newest_date):
            self._newest_date = file.file_date

    def same_content(self, sha256: str) -> list[LoadedFile]:
        return self._by_content.get(sha256, [])

    @property
    def newest_date(self) -> date | None:
        return self._newest_date

    def before(self, source_at: datetime) -> LoadedFile | None:
        """The newest loaded file that is not newer than ``source_at``."""
        at = bisect_right(self._in_order, source_at, key=lambda known: known.source_at)
        return self._in_order[at - 1] if at else None

    def same_path(self, path: str) -> LoadedFile | None:
        """The newest loaded version of a file."""
        return self._by_path.get(path)


def refuse(table: LandingTable, file: PendingFile, rows_in: int, history: History) -> tuple[str, str] | None:
    """(reason, sentence) where the file must be set aside, else None. A file that a person released passes."""
    if file.released:
        return None
    if rows_in:
        for other in history.same_content(file.sha256):
            # A snapshot of another day may well be the same as the last one.
            another_day = table.kind == "snapshot" and file.file_date is not None and other.file_date != file.file_date
            if other.path != file.path and not another_day:
                return (
                    "duplicate_export",
                    f"The file has the same bytes as {other.path}, which is loaded. Delete one, or export again.",
                )
    earlier = _shorter_than(table, file, rows_in, history)
    if earlier is not None:
        return (
            "shorter_export",
            f"The file has {rows_in} rows, the export before it ({earlier.path}) {earlier.rows_in}. It may be cut off: "
            "export it again, or release it if rows are meant to be gone.",
        )
    return None


def _shorter_than(table: LandingTable, file: PendingFile, rows_in: int, history: History) -> LoadedFile | None:
    candidates: list[LoadedFile] = []
    if table.full_export or (table.kind == "snapshot" and rows_in == 0):
        candidates += [known for known in (history.before(file.source_at),) if known is not None]
    # An export of the same name that lost rows; a name without a day may be a parcel that is written anew each time.
    if table.full_export or table.kind == "snapshot" or file.file_date is not None:
        candidates += [known for known in (history.same_path(file.path),) if known is not None]
    return next((known for known in candidates if rows_in < known.rows_in), None)


def late_days(table: LandingTable, file: PendingFile, history: History) -> int | None:
    """Days by which the file came after the day in its name, where that is more than the table expects.

    It is late by the day of arrival that is known of it, or because files of later days were loaded before it.
    """
    if table.expected_within_days is None or file.file_date is None or file.version > 1:
        return None
    arrived = file.arrived_on
    if history.newest_date is not None and history.newest_date > arrived:
        arrived = history.newest_date
    days = (arrived - file.file_date).days
    return days if days > table.expected_within_days else None
