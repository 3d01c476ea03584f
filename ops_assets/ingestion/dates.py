"""Has a column's date format changed? Pure: texts in, verdict out.

A single impossible date is a bad row. A whole column that no longer parses as declared but does parse in another known
format is a changed export, and guessing which day 03/04 means would be worse than setting the file aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

ISO = "iso"
_ISO_DATE = r"\d{4}-\d{2}-\d{2}"
_ISO_TIMESTAMP = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?"
_OFFSET = r"(?:Z|[+-]\d{2}:?\d{2})$"

_DATES = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d.%m.%Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d/%m/%y",
    "%m/%d/%y",
)
_TIMES = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f")


@dataclass(frozen=True, slots=True)
class FormatChange:
    """The declared formats no longer fit; ``found`` are those that do (several where days up to 12 leave it open)."""

    column: str
    declared: tuple[str, ...]
    found: tuple[str, ...]

    @property
    def sentence(self) -> str:
        found = " or ".join(f"{fmt!r}" for fmt in self.found)
        declared = " or ".join(f"{fmt!r}" for fmt in self.declared)
        return f"Column {self.column!r} is declared as {declared}, but its values read as {found}."


def parse(texts: pd.Series, fmt: str, *, timestamp: bool, zone: str | None = None) -> pd.Series:
    """Parse texts strictly in one format; what does not fit becomes NaT.

    Returns naive ``datetime64[us]``. ``iso`` timestamps with an offset are converted to ``zone`` (their own local time
    where ``zone`` is None).
    """
    if fmt != ISO:
        return _no_zone(pd.to_datetime(texts, format=fmt, errors="coerce", exact=True), texts)
    if not timestamp:
        return pd.to_datetime(texts.where(texts.str.fullmatch(_ISO_DATE)), format="%Y-%m-%d", errors="coerce").astype(
            "datetime64[us]"
        )
    fits = texts.where(texts.str.fullmatch(_ISO_TIMESTAMP))
    with_offset = fits.str.contains(_OFFSET, regex=True, na=False)
    plain = pd.to_datetime(fits.where(~with_offset), format="ISO8601", errors="coerce").astype("datetime64[us]")
    if not with_offset.any():
        return plain
    instants = pd.to_datetime(fits[with_offset], format="ISO8601", errors="coerce", utc=True)
    local = instants.dt.tz_convert(zone) if zone else instants
    plain[with_offset] = local.dt.tz_localize(None).astype("datetime64[us]")
    return plain


def parse_any(texts: pd.Series, formats: Sequence[str], *, timestamp: bool, zone: str | None = None) -> pd.Series:
    """Parse each text in the first of ``formats`` that fits it."""
    parsed = parse(texts, formats[0], timestamp=timestamp, zone=zone)
    for fmt in formats[1:]:
        missing = parsed.isna() & texts.notna()
        if not missing.any():
            break
        parsed[missing] = parse(texts[missing], fmt, timestamp=timestamp, zone=zone)
    return parsed


def changed_format(
    column: str, texts: Sequence[str], declared: Sequence[str], *, timestamp: bool
) -> FormatChange | None:
    """Whether the non-null ``texts`` of one file left the ``declared`` formats for others that fit them.

    They did when another format fits all of them and the declared ones do not, or when the declared ones fit less than
    half and another at least nine in ten.
    """
    if not texts:
        return None
    series = pd.Series(list(texts), dtype="str")
    as_declared = _share(parse_any(series, declared, timestamp=timestamp))
    if as_declared == 1.0:
        return None
    sample = series.iloc[:500]
    candidates = [
        fmt for fmt in _candidates(declared, timestamp) if _share(parse(sample, fmt, timestamp=timestamp)) >= 0.5
    ]
    shares = {fmt: _share(parse(series, fmt, timestamp=timestamp)) for fmt in candidates}
    best = max(shares.values(), default=0.0)
    if best < 1.0 and not (best >= 0.9 and as_declared < 0.5):
        return None
    found = tuple(fmt for fmt, share in shares.items() if share == best)
    return FormatChange(column, tuple(declared), found)


def _candidates(declared: Sequence[str], timestamp: bool) -> list[str]:
    known = [f"{day}{gap}{time}" for day in _DATES for gap in " T" for time in _TIMES] if timestamp else []
    written_as_iso = {"%Y-%m-%d"} if ISO in declared else set()
    return [fmt for fmt in [*known, *_DATES] if fmt not in declared and fmt not in written_as_iso]


def _share(parsed: pd.Series) -> float:
    fits: npt.NDArray[np.bool_] = parsed.notna().to_numpy()
    return float(fits.mean())


def _no_zone(parsed: pd.Series, texts: pd.Series) -> pd.Series:
    if getattr(parsed.dtype, "tz", None) is not None:
        parsed = parsed.dt.tz_localize(None)
    if parsed.dtype == object:  # mixed offsets of a %z format
        return pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us]")
    return parsed.astype("datetime64[us]")
