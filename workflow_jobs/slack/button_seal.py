"""The nonce in a button: it shows that this installation drew the button, for this task, version and choice.

Without it, whoever learns a task's number could compose the value of a button that no card of his ever had. It is
derived, not drawn by lot: the same card rendered twice is the same bytes, and no table of nonces has to be kept,
locked and pruned. That it is used once follows from the task's version, which it covers: a decision ends the version.
Pure but for the key, which the caller reads.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

Seal = Callable[[str], str]
_NONCE_LENGTH = 32


def unsealed(text: str) -> str:
    """The seal of an installation without a key: buttons carry no nonce, and none is asked for."""
    return ""


def seal_of(key: bytes) -> Seal:
    """The seal with ``key``: 128 bits of HMAC-SHA256, in hexadecimal."""

    def seal(text: str) -> str:
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:_NONCE_LENGTH]

    return seal


def nonce_of(seal: Seal, kind: str, *parts: object) -> str:
    """The nonce of a button of one kind. Parts are told apart by their lengths, so that none can run into the next."""
    return seal("|".join([kind, *(f"{len(str(part))}:{part}" for part in parts)]))


def require(seal: Seal, given: Any, kind: str, *parts: object) -> None:
    """Raises ValueError unless ``given`` is the nonce of such a button."""
    wanted = nonce_of(seal, kind, *parts)
    if wanted and not (isinstance(given, str) and hmac.compare_digest(given.encode(), wanted.encode())):
        raise ValueError("the button's nonce is not ours")
