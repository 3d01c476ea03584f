"""How the gateway speaks to Dagster's web server over HTTP. What it says there stands where it is said."""

from __future__ import annotations

import ssl
from functools import cache

import httpx


def dagster_client(timeout: float) -> httpx.Client:
    """A client for some requests; close it afterwards. ``timeout`` is in seconds."""
    return httpx.Client(trust_env=False, timeout=timeout, verify=_certificates())


@cache
def _certificates() -> ssl.SSLContext:
    # Reading them takes 30 ms of a core, which clicks would miss after every delivery.
    return httpx.create_ssl_context(trust_env=False)
