"""The picture of a trend: a readable PNG whatever the figures, none where there is no trend."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_jobs.slack.trend_picture import HEIGHT, WIDTH, Trend, trend_of

INK = (15, 95, 99)
LIMIT = (200, 60, 50)


def pixels(png: bytes) -> list[list[tuple[int, int, int]]]:
    """Rows of RGB, read by the PNG specification: signature, chunks with their checksums, filter 0."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, parts = 8, {}
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length]) == (zlib.crc32(kind + body),)
        parts[kind] = body
        at += 12 + length
    assert struct.unpack(">IIBBBBB", parts[b"IHDR"]) == (WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    raw = zlib.decompress(parts[b"IDAT"])
    assert len(raw) == HEIGHT * (1 + 3 * WIDTH)
    rows = [raw[y * (1 + 3 * WIDTH) : (y + 1) * (1 + 3 * WIDTH)] for y in range(HEIGHT)]
    assert all(row[0] == 0 for row in rows)
    return [[(row[1 + 3 * x], row[2 + 3 * x], row[3 + 3 * x]) for x in range(WIDTH)] for row in rows]


def height_at(rows: list[list[tuple[int, int, int]]], x: int) -> float | None:
    """Where the line crosses a column, in pixels from the top."""
    inked = [y for y in range(HEIGHT) if rows[y][x] == INK]
    return sum(inked) / len(inked) if inked else None


def test_a_rising_figure_rises_in_the_picture() -> None:
    trend = trend_of([1.0, 2.0, 3.0, 4.0])
    assert trend is not None and trend.limit == ""
    rows = pixels(trend.png)
    heights = [height_at(rows, x) for x in (12, 160, 320, 468)]
    known = [height for height in heights if height is not None]
    assert len(known) == 4
    assert known == sorted(known, reverse=True)


def test_a_gap_interrupts_the_line_and_the_limit_is_dashed() -> None:
    trend = trend_of([1.0, 1.2, None, 1.1, 1.3], limit=1.25)
    assert trend is not None and trend.limit == "drawn"
    rows = pixels(trend.png)
    assert height_at(rows, WIDTH // 2) is None
    dashes = next(row for row in rows if LIMIT in row)
    assert 0.4 < sum(pixel == LIMIT for pixel in dashes) / WIDTH < 0.7


def test_a_limit_far_from_the_figures_does_not_flatten_them() -> None:
    plain = trend_of([1.0, 1.2, 1.1])
    assert plain is not None
    assert trend_of([1.0, 1.2, 1.1], limit=50.0) == Trend(plain.png, "above")
    assert trend_of([1.0, 1.2, 1.1], limit=-50.0) == Trend(plain.png, "below")


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [None, 1.0, None, 2.0], [float("nan")] * 5])
def test_no_trend_no_picture(values: list[float | None]) -> None:
    assert trend_of(values) is None


FIGURES = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.none() | FIGURES, max_size=24), st.none() | FIGURES)
def test_any_figures_give_a_small_valid_picture_or_none(values: list[float | None], limit: float | None) -> None:
    trend = trend_of(values, limit)
    if trend is not None:
        assert len(trend.png) < 40_000
        assert (trend.limit == "drawn") == any(LIMIT in row for row in pixels(trend.png))
        assert trend_of(values, limit) == trend
