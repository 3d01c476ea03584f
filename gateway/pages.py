"""Rendering of the gateway's own pages: one Jinja environment, and the figures' and instants' formats."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from ops_assets.figures import with_unit

STATIC_DIR = Path(__file__).resolve().parent / "static"
_TEMPLATES = Path(__file__).resolve().parent / "templates"


def figure(value_text: str | None, unit: str) -> str:
    """A published value as people read it: thousands grouped, with its unit; a dash for none."""
    return "–" if value_text is None else with_unit(unit, f"{Decimal(value_text):,f}")


def prose(text: str) -> Markup:
    """A sentence of the API description: what stands in backticks is code, everything is escaped."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
)
_environment.filters |= {"figure": figure, "prose": prose}


def render(template: str, **values: Any) -> str:
    return _environment.get_template(template).render(**values)
