"""The secret with which names are turned into pseudonyms; one for each state folder, made when first needed.

Which values become pseudonyms is ops_assets.access' business.
"""

from __future__ import annotations

from pathlib import Path

from resources.secret_file import secret_bytes


def pseudonym_key(path: Path) -> bytes:
    """The key in ``path``, readable by its owner alone. Raises OSError if it can neither be read nor made."""
    return secret_bytes(path)
