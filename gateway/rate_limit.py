"""How many events a token may post: a bucket that fills steadily and is emptied by requests."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime

LARGEST_BATCH = 1000


@dataclass
class _Bucket:
    level: float
    at: datetime


class RateLimit:
    """``per_minute`` units for each key, at most a minute's worth (but at least one full batch) saved up.

    Kept in memory: a restart fills the buckets, and two gateways count apart.
    """

    def __init__(self, per_minute: int) -> None:
        self._rate = per_minute / 60.0
        self._most = float(max(per_minute, LARGEST_BATCH))
        self._buckets: dict[str, _Bucket] = {}
        self._lock = threading.Lock()

    def take(self, key: str, units: int, now: datetime) -> float:
        """Take ``units`` (at most one batch) out of the bucket of ``key``; 0.0, or the seconds to wait if too few."""
        with self._lock:
            bucket = self._buckets.setdefault(key, _Bucket(self._most, now))
            passed = max(0.0, (now - bucket.at).total_seconds())
            bucket.level = min(self._most, bucket.level + passed * self._rate)
            bucket.at = now
            if units <= bucket.level:
                bucket.level -= units
                return 0.0
            return (units - bucket.level) / self._rate
