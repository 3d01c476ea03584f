"""A secret that an installation makes for itself: a file of random bytes in the state folder.

Belongs here: the file. Does not belong here: what a secret is used for.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

_BYTES = 32


def secret_bytes(path: Path) -> bytes:
    """The secret in ``path``, readable by its owner alone; made when first needed. Raises OSError if it cannot be had.

    Two processes that make it at once agree: the finished file is linked into place, and the second link fails.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    return path.read_bytes()
