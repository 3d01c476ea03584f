"""A small picture of a few numbers: the points of a line that fits into a box."""

from __future__ import annotations

from collections.abc import Sequence


def sparkline(values: Sequence[float | None], width: int, height: int) -> list[list[tuple[float, float]]]:
    """Points of a small line, split where a value is missing; y grows downwards, with room for the line's breadth."""
    known = [value for value in values if value is not None]
    if not known:
        return []
    low, spread = min(known), (max(known) - min(known)) or 1.0
    step = (width - 6) / max(1, len(values) - 1)
    pieces: list[list[tuple[float, float]]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            pieces.append([])
            continue
        flat = max(known) == low
        height_of = 0.5 if flat else (value - low) / spread
        pieces[-1].append((round(3 + place * step, 1), round(height - 4 - height_of * (height - 8), 1)))
    return [piece for piece in pieces if piece]
