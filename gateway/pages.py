"""Rendering of the gateway's own pages: the frame around them and the reader's language.

``page(request, "name.html", **values)`` renders a page that extends ``_page.html``, or a part that htmx loads into one.
Templates find ``t`` (words of gateway/texts), ``say`` (a dictionary entry in the reader's language), ``language``,
``local`` (an instant in the pack's time zone) and the filter ``prose``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from fastapi import Request
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse
from starlette.routing import Match

from gateway.context import GatewayContext, context_of
from gateway.figure_words import change_words, plain_number
from gateway.sparkline import sparkline
from gateway.words import LANGUAGES, Language, chosen, text
from resources.serving import Snapshot, UnknownSnapshotError

STATIC_DIR = Path(__file__).resolve().parent / "static"
LANGUAGE_COOKIE = "trueloop_language"
# No script but our own files. Widths and heights that a template computes stand in style attributes.
POLICY = (
    "default-src 'self'; img-src 'self' data:; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_TEMPLATES = Path(__file__).resolve().parent / "templates"
_YEAR = 365 * 24 * 3600
# Shown where the application has a route for it. Words: nav_<key> in gateway/texts.
_NAVIGATION = (
    ("home", "/"),
    ("board", "/board"),
    ("metrics", "/metrics"),
    ("cases", "/cases"),
    ("incidents", "/incidents"),
    ("proposals", "/proposals"),
)


def prose(sentence: str) -> Markup:
    """A sentence of the API description: what stands in backticks is code, everything is escaped."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(sentence))))


_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= {"prose": prose}
_environment.globals |= {"sparkline": sparkline, "change_words": change_words, "plain_number": plain_number}


def page(
    request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> HTMLResponse:
    """Render ``template`` for the reader of ``request``. Raises jinja2.TemplateError for a template that is wrong."""
    context = context_of(request)
    language = language_of(request)
    body = _environment.get_template(template).render(
        t=partial(text, language),
        say=partial(chosen, language),
        language=language,
        say_all=partial(_all_chosen, language),
        dimension_words=partial(_dimension_words, language),
        local=partial(_local, ZoneInfo(context.pack.time_zone)),
        frame=_Frame(request, context, language),
        **values,
    )
    response = HTMLResponse(body, status, {"Cache-Control": "no-store", "Content-Security-Policy": POLICY})
    response.headers.update(headers or {})
    if request.query_params.get("lang") == language:
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR, samesite="lax", httponly=True)
    return response


def language_of(request: Request) -> Language:
    """The reader's language: ``?lang=``, else the choice kept in the cookie, else the installation's setting."""
    for asked in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        for language in LANGUAGES:
            if asked == language:
                return language
    return context_of(request).settings.language


def snapshot_read(request: Request) -> Snapshot:
    """The snapshot of this rendering: the one that ``?snapshot=`` names while it is kept, else the current one.

    Parts that a page loads after itself name the page's snapshot, so that a publication in between mixes nothing.
    Raises Problem 503 while nothing was published.
    """
    context = context_of(request)
    current = context.published()
    asked = request.query_params.get("snapshot")
    if asked is None or asked == current.id:
        return current
    try:
        return context.snapshots.get(asked)
    except UnknownSnapshotError:
        return current


def has_route(request: Request, path: str) -> bool:
    """Whether the application answers GET ``path``."""
    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": []}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)


def _all_chosen(language: Language, entry: Any) -> tuple[str, ...]:
    """The words of a dictionary entry that lists several in each language."""
    found: tuple[str, ...] = entry.zh if language == "zh" else entry.en
    return found


def _dimension_words(language: Language, name: str) -> str:
    words = text(language, f"dimension_{name}")
    return name.replace("_", " ") if words == f"dimension_{name}" else words


def _local(zone: ZoneInfo, instant: datetime, form: str = "%Y-%m-%d %H:%M") -> str:
    return f"{instant.astimezone(zone):{form}}"


class _Frame:
    """What the frame around every page shows: navigation and the language switch."""

    def __init__(self, request: Request, context: GatewayContext, language: Language) -> None:
        self.pack = context.pack.title
        self.html_language = "zh-CN" if language == "zh" else "en"
        here = request.url.path
        self.places = [
            {"key": key, "href": path, "current": here == path or (path != "/" and here.startswith(f"{path}/"))}
            for key, path in _NAVIGATION
            if has_route(request, path)
        ]
        self.places.append({"key": "dagster", "href": f"{context.settings.dagster_url}/", "current": False})
        if (context.settings.dbt_docs_dir / "index.html").is_file():
            self.places.append({"key": "dbt", "href": "/dbt/", "current": False})
        self.languages = [
            {"code": code, "name": name, "current": code == language,
             "href": f"?{request.url.include_query_params(lang=code).query}"}
            for code, name in (("en", "English"), ("zh", "中文"))
        ]  # fmt: skip
