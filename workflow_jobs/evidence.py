"""Files that people add to a case: kept by content in the state folder, listed in the ops database.

Belongs here: where they are kept, reading them back. Does not belong here: what is taken in (evidence_kinds), where
files come from (Slack, the API) and who may read them (gateway).

A file's content stands in ``evidence/<sha256>``, written whole or not at all before its row is committed: a row always
has its content, and the same content is kept once. Adding the same file to the same case again changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from resources.clock import Clock
from resources.durable_files import write_atomically
from resources.ops_database import reading
from workflow_jobs.engine.parts import FormField
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.evidence_kinds import clean_name, media_type_of
from workflow_jobs.store.tables import case, evidence_file


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """One file of a case. ``size`` is in bytes, ``uploaded_at`` UTC."""

    file_id: str
    case_id: str
    task_id: str | None
    name: str
    media_type: str
    size: int
    sha256: str
    uploaded_by: str
    uploaded_at: datetime


class Evidence:
    """The files of all cases. ``folder`` is where their content is kept."""

    def __init__(self, engine: Engine, folder: Path, clock: Clock) -> None:
        self._engine = engine
        self._folder = folder
        self._clock = clock

    def add(self, case_id: str, task_id: str | None, name: str, content: bytes, uploaded_by: str) -> EvidenceFile:
        """Take a file in. Raises EvidenceRefused for what is not taken, LookupError for a case that is not there."""
        name = clean_name(name)
        media_type = media_type_of(name, content)
        digest = hashlib.sha256(content).hexdigest()
        file_id = "E" + hashlib.sha256(f"{case_id}\n{name}\n{digest}".encode()).hexdigest()[:24]
        found = EvidenceFile(
            file_id, case_id, task_id, name, media_type, len(content), digest, uploaded_by, self._clock.now()
        )
        self._keep(digest, content)
        try:
            with self._engine.begin() as connection:
                if connection.execute(sa.select(case.c.case_id).where(case.c.case_id == case_id)).first() is None:
                    raise LookupError(f"There is no case {case_id!r}.")
                known = _one(connection, case_id, file_id)
                if known is not None:
                    return known
                connection.execute(evidence_file.insert().values(**{name: getattr(found, name) for name in _COLUMNS}))
        except sa.exc.IntegrityError:
            # Another process took the very same file in at this moment.
            known = self.find(case_id, file_id)
            if known is None:
                raise
            return known
        return found

    def find(self, case_id: str, file_id: str) -> EvidenceFile | None:
        """One file of a case."""
        with reading(self._engine) as connection:
            return _one(connection, case_id, file_id)

    def content(self, file: EvidenceFile) -> bytes:
        """A file's content. Raises OSError where the state folder has lost it, ValueError where it was changed."""
        content = (self._folder / file.sha256).read_bytes()
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise ValueError(f"the content of {file.name} ({file.sha256}) was changed in the state folder")
        return content

    def _keep(self, digest: str, content: bytes) -> None:
        path = self._folder / digest
        if not path.exists():
            write_atomically(path, content)


def files_of(connection: Connection, case_id: str) -> list[EvidenceFile]:
    """The files of a case, oldest first."""
    rows = connection.execute(
        sa.select(evidence_file)
        .where(evidence_file.c.case_id == case_id)
        .order_by(evidence_file.c.uploaded_at, evidence_file.c.file_id)
    )
    return [EvidenceFile(**row) for row in rows.mappings()]


def require_files(connection: Connection, case_id: str, fields: Iterable[FormField], form: Mapping[str, Any]) -> None:
    """Raises Refused where a form with these fields names a file that its case does not have."""
    asked = [field for field in fields if field.type == "file" and form.get(field.name)]
    if not asked:
        return
    known = [one.file_id for one in files_of(connection, case_id)]
    for field in asked:
        given = form[field.name]
        for file_id in given if isinstance(given, (list, tuple)) else [given]:
            if file_id not in known:
                raise Refused(
                    "form_invalid",
                    f"{field.title.en} names the file {file_id!r}, which the case does not have.",
                    f"{field.title.zh}：事件单中没有文件 {file_id!r}。",
                    fields=(field.name,),
                )


_COLUMNS = tuple(EvidenceFile.__dataclass_fields__)


def _one(connection: Connection, case_id: str, file_id: str) -> EvidenceFile | None:
    row = connection.execute(
        sa.select(evidence_file).where(evidence_file.c.file_id == file_id, evidence_file.c.case_id == case_id)
    ).mappings()
    found = row.one_or_none()
    return None if found is None else EvidenceFile(**found)
