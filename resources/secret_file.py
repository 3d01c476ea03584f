"""A secret that an installation makes for itself: a file of random bytes in the state folder.

Belongs here: the file. Does not belong here: what a secret is used for.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from resources.durable_files import write_once

_BYTES = 32


def secret_bytes(path: Path) -> bytes:
    """The secret in ``path``, readable by its owner alone; made when first needed. Raises OSError."""
    if not path.exists():
        write_once(path, secrets.token_bytes(_BYTES))
    return path.read_bytes()
