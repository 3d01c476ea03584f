"""A property that is built once for its object, also when several threads ask for it first at the same moment.

``functools.cached_property`` has no lock from Python 3.12 on: what must exist once, such as an engine or a store with
state of its own, would be built once for each of those threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")

if TYPE_CHECKING:
    built_once = cached_property
else:

    class built_once(cached_property[T]):
        """Like ``cached_property``; who asks while another thread builds waits for what that one builds."""

        def __init__(self, build: Callable[[Any], T]) -> None:
            super().__init__(build)
            self._building = threading.RLock()

        def __get__(self, instance: Any, owner: type | None = None) -> T:
            with self._building:
                return super().__get__(instance, owner)
