"""Files that are on the disk before anybody sees them, and seen whole or not at all, also after a loss of power.

Belongs here: how a file is written. Does not belong here: what is in it, and where it stands.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


def sync_file(path: Path) -> None:
    """Flush the content of a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, content: bytes) -> None:
    """Replace ``path`` with ``content``; the folder is made. Raises OSError, and leaves nothing then."""
    with _written_beside(path, content, 0o666) as beside:
        beside.replace(path)
    sync_file(path.parent)


def write_json_atomically(path: Path, body: Mapping[str, Any]) -> None:
    """Replace ``path`` with ``body``. Raises TypeError for what JSON has no word for, and OSError."""
    # Not json.dump: writing piece by piece it does without the encoder in C.
    write_atomically(path, json.dumps(body).encode())


def write_once(path: Path, content: bytes) -> None:
    """Make ``path`` with ``content``, readable by its owner alone. What is there already stays. Raises OSError.

    Two processes that make it at once agree: the finished file is linked into place, and the second link fails.
    """
    with _written_beside(path, content, 0o600) as beside, suppress(FileExistsError):
        os.link(beside, path)
    sync_file(path.parent)


@contextmanager
def _written_beside(path: Path, content: bytes, mode: int) -> Iterator[Path]:
    """A file of another name in the folder of ``path``, on the disk already; gone afterwards, whatever happens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield beside
    finally:
        beside.unlink(missing_ok=True)
