"""Files of the workspace: what the app uploads in two steps, and what people add in a form."""

from __future__ import annotations

import mimetypes
import secrets
import sqlite3
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gateway.embedded_slack.database import Database
from gateway.embedded_slack.errors import SlackError
from resources.clock import Clock

LARGEST_FILE = 50_000_000


@dataclass(frozen=True)
class File:
    """One file. ``size`` is in bytes; it is shown once it is ``complete``."""

    id: str
    key: str
    name: str
    title: str
    mimetype: str
    size: int
    user: str
    created: int
    complete: bool


class Files:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def announce(self, name: str, size: int, user: str) -> File:
        """Make room for a file that is uploaded next. Raises SlackError for one that is empty or too large."""
        if size < 1:
            raise SlackError("invalid_arguments", "length must be greater than 0")
        if size > LARGEST_FILE:
            raise SlackError("file_upload_size_restricted")
        file_id = f"F{secrets.token_hex(5).upper()}"
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        values = (file_id, secrets.token_urlsafe(24), name[:255], name[:255], kind, size, user, self._seconds())
        with self._database.writing() as connection:
            connection.execute("insert into file values (?, ?, ?, ?, ?, ?, ?, ?, null, 0)", values)
        return self.required(file_id)

    def fill(self, key: str, content: bytes) -> None:
        """Take in the content, once, of the announced length."""
        with self._database.writing() as connection:
            row = connection.execute("select id, size from file where key = ? and content is null", (key,)).fetchone()
            if row is None:
                raise SlackError("file_not_found")
            if len(content) != row["size"]:
                raise SlackError("invalid_arguments", f"announced {row['size']} bytes, got {len(content)}")
            connection.execute("update file set content = ? where id = ?", (content, row["id"]))

    def complete(self, file_id: str, title: str) -> File:
        with self._database.writing() as connection:
            done = connection.execute(
                "update file set complete = 1, title = ? where id = ? and content is not null", (title, file_id)
            )
            if done.rowcount != 1:
                raise SlackError("file_not_found")
        return self.required(file_id)

    def add(self, name: str, content: bytes, user: str) -> File:
        """A file that a person adds."""
        announced = self.announce(name, len(content), user)
        self.fill(announced.key, content)
        return self.complete(announced.id, name)

    def get(self, file_id: str) -> File | None:
        columns = "id, key, name, title, mimetype, size, user, created, complete"
        row = self._database.row(f"select {columns} from file where id = ?", file_id)
        return None if row is None else _file(row)

    def required(self, file_id: str) -> File:
        found = self.get(file_id)
        if found is None:
            raise SlackError("file_not_found")
        return found

    def content(self, file_id: str) -> bytes:
        row = self._database.row("select content from file where id = ? and complete", file_id)
        if row is None:
            raise SlackError("file_not_found")
        return bytes(row["content"])

    def _seconds(self) -> int:
        return int(self._clock.now().timestamp())


def _file(row: sqlite3.Row) -> File:
    return File(**{key: row[key] for key in row.keys()} | {"complete": bool(row["complete"])})  # noqa: SIM118


def file_object(file: File, public_url: str) -> dict[str, Any]:
    """The shape in which Slack gives a file."""
    address = f"{public_url}/files-pri/{file.id}/{quote(file.name)}"
    return {
        "id": file.id,
        "created": file.created,
        "timestamp": file.created,
        "name": file.name,
        "title": file.title,
        "mimetype": file.mimetype,
        "filetype": file.name.rpartition(".")[2].lower(),
        "user": file.user,
        "size": file.size,
        "mode": "hosted",
        "is_external": False,
        "url_private": address,
        "url_private_download": address,
    }
