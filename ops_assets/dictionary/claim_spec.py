"""A claim as a metric's YAML states it: another department's figure for the same thing."""

from __future__ import annotations

from ops_assets.dictionary.base import Strict, Text


class ClaimSpec(Strict):
    """One department's figure. ``model`` is the dbt model that holds it."""

    name: str
    model: str
    department: str
    label: Text
