"""A small PNG of how a figure moved: a line over its periods, the last one marked, and the limit that it crossed.

Drawn with nothing but zlib. Belongs here: pixels. Does not belong here: which figures (delivery.pictures) and words: a
picture carries none, its title and alternative text do. Pure: the same values give the same bytes.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

WIDTH: Final = 480
HEIGHT: Final = 120
LEAST_PERIODS: Final = 3
_MARGIN: Final = 10
_PAPER: Final = (255, 255, 255)
_INK: Final = (15, 95, 99)
_LIMIT: Final = (200, 60, 50)
_GRID: Final = (226, 230, 232)
Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Trend:
    """A picture, and what became of the limit: drawn, above or below what is drawn; empty where there is none."""

    png: bytes
    limit: Literal["", "drawn", "above", "below"] = ""


def trend_of(values: Sequence[float | None], limit: float | None = None) -> Trend | None:
    """The picture of ``values``, oldest first; None where fewer than three are known, for then there is no trend.

    A missing value interrupts the line. ``limit`` is drawn as a dashed line where it lies near the figures.
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    if len(known) < LEAST_PERIODS:
        return None
    low, high = min(known), max(known)
    spread = high - low
    where: Literal["", "drawn", "above", "below"] = ""
    if limit is not None and math.isfinite(limit):
        where = "drawn" if low - 2 * spread <= limit <= high + 2 * spread else "above" if limit > high else "below"
    if limit is not None and where == "drawn":
        low, high = min(low, limit), max(high, limit)
    # A flat line lies in the middle; the half step keeps huge figures from losing their difference.
    middle, half = low / 2 + high / 2, (high / 2 - low / 2) or max(abs(high), 1.0)
    canvas = _Canvas()
    for y in (_MARGIN, HEIGHT // 2, HEIGHT - _MARGIN):
        canvas.horizontal(y, _GRID)
    height = HEIGHT / 2 - _MARGIN

    def at(value: float) -> float:
        return HEIGHT / 2 - (value - middle) / half * height

    if limit is not None and where == "drawn":
        canvas.horizontal(round(at(limit)), _LIMIT, dashed=True)
    step = (WIDTH - 2 * _MARGIN) / max(1, len(values) - 1)
    points = [
        None if value is None or not math.isfinite(value) else (_MARGIN + index * step, at(value))
        for index, value in enumerate(values)
    ]
    for before, after in pairwise(points):
        if before is not None and after is not None:
            canvas.line(before, after)
    for index, point in enumerate(points):
        if point is not None:
            last = all(later is None for later in points[index + 1 :])
            canvas.dot(point, 5.0 if last else 2.5)
    return Trend(canvas.png(), where)


class _Canvas:
    """Pixels in rows of RGB bytes."""

    def __init__(self) -> None:
        self._rows = [bytearray(bytes(_PAPER) * WIDTH) for _ in range(HEIGHT)]

    def horizontal(self, y: int, colour: Colour, *, dashed: bool = False) -> None:
        for x in range(_MARGIN, WIDTH - _MARGIN):
            if not dashed or x % 10 < 6:
                self._blend(x, y, colour, 1.0)

    def line(self, start: tuple[float, float], end: tuple[float, float], breadth: float = 2.4) -> None:
        """A smooth line: each column covers the pixels near the line's height by how much of them it covers."""
        (x0, y0), (x1, y1) = start, end
        slope = (y1 - y0) / (x1 - x0)
        reach = breadth / 2 * math.hypot(1.0, slope)
        for x in range(math.floor(x0), math.ceil(x1) + 1):
            y = y0 + slope * (min(max(x, x0), x1) - x0)
            for row in range(math.floor(y - reach - 1), math.ceil(y + reach + 1) + 1):
                self._blend(x, row, _INK, min(1.0, reach + 0.5 - abs(row - y)))

    def dot(self, centre: tuple[float, float], radius: float) -> None:
        x0, y0 = centre
        for y in range(math.floor(y0 - radius - 1), math.ceil(y0 + radius + 1) + 1):
            for x in range(math.floor(x0 - radius - 1), math.ceil(x0 + radius + 1) + 1):
                self._blend(x, y, _INK, min(1.0, radius + 0.5 - math.hypot(x - x0, y - y0)))

    def png(self) -> bytes:
        raw = b"".join(b"\x00" + bytes(row) for row in self._rows)
        head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
        parts = ((b"IHDR", head), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in parts)

    def _blend(self, x: int, y: int, colour: Colour, cover: float) -> None:
        if cover <= 0 or not (0 <= x < WIDTH and 0 <= y < HEIGHT):
            return
        row = self._rows[y]
        for part, wanted in enumerate(colour):
            place = 3 * x + part
            row[place] = round(row[place] + (wanted - row[place]) * cover)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
