"""Chromium for browser tests: an installed one, else Playwright's own; skipped where there is neither."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from resources.clock import FixedClock
from tests.gateway_stack import Stack, running_stack

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
Picture = Callable[[Page, str], Path]


def chromium_path(playwright: Playwright) -> str | None:
    """An installed Chromium or Chrome, else Playwright's own; None where there is none."""
    for name in _NAMES:
        found = shutil.which(name) or shutil.which(name, path="/usr/bin:/usr/local/bin:/snap/bin")
        if found:
            return found
    own = Path(playwright.chromium.executable_path)
    return str(own) if own.is_file() else None


# Per module: Playwright keeps an event loop in this thread while it runs, and other tests want one of their own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = chromium_path(playwright)
        if path is None:
            pytest.skip("no Chromium or Chrome is installed, and Playwright has none either")
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, stack: Stack) -> Iterator[Page]:
    """A desktop window, closed before the gateway is. Any error on the page's console fails the test."""
    yield from _window(chromium, 1280, 860)


@pytest.fixture
def phone(chromium: Browser, stack: Stack) -> Iterator[Page]:
    """A window of a phone's size."""
    yield from _window(chromium, 390, 844)


def _window(chromium: Browser, width: int, height: int) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": width, "height": height}, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(15_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert errors == [], "errors on the page's console"


@pytest.fixture
def stack(tmp_path: Path, clock: FixedClock) -> Iterator[Stack]:
    with running_stack(tmp_path / "home", clock) as running:
        yield running


@pytest.fixture
def picture(pytestconfig: pytest.Config, tmp_path: Path) -> Picture:
    """Takes a picture of the page, into the folder of ``--pictures`` if given."""
    chosen = pytestconfig.getoption("--pictures", default=None)
    folder = Path(chosen) if chosen else tmp_path / "pictures"

    def take(page: Page, name: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.png"
        page.screenshot(path=path)
        return path

    return take
