"""A cache that cannot outgrow its bound: least recently used entries go first. Threads may share it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class BoundedCache(Generic[_Key, _Value]):
    """At most ``most`` in weight, whatever unit the caller weighs in. An entry heavier than a quarter is not kept."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[_Key, tuple[_Value, int]] = OrderedDict()
        self._weight = 0
        self._lock = threading.Lock()

    @property
    def weight(self) -> int:
        return self._weight

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: _Key) -> _Value | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: _Key, value: _Value, weight: int = 1) -> None:
        if weight > self._most // 4 and weight > 1:
            return
        with self._lock:
            old = self._entries.pop(key, None)
            self._weight += weight - (old[1] if old is not None else 0)
            self._entries[key] = (value, weight)
            while self._weight > self._most and len(self._entries) > 1:
                self._weight -= self._entries.popitem(last=False)[1][1]
