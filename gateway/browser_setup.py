"""Makes sure that browser tests find a browser: `python -m gateway.browser_setup`.

Takes an installed Chromium or Chrome; else installs one: Debian's package where we are root on Debian, otherwise
Playwright's own. Where neither can be had it says so and exits with 1; the browser tests are then skipped for that
reason.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find_browser() -> str | None:
    """Path of a Chromium or Chrome that Playwright can drive, or None."""
    for name in _NAMES:
        found = shutil.which(name)
        if found:
            return found
    return _playwright_browser()


def main() -> int:
    if find_browser():
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing Chromium for the browser tests (apt-get)", flush=True)
        if _quietly("apt-get", "update", "-q") and _quietly("apt-get", "install", "-y", "-q", "chromium"):
            _quietly("apt-get", "install", "-y", "-q", "fonts-noto-cjk")
            return 0
    print("Installing Chromium for the browser tests (Playwright)", flush=True)
    if _quietly(sys.executable, "-m", "playwright", "install", "chromium") and find_browser():
        return 0
    print("No Chromium or Chrome is installed and none could be installed; browser tests will be skipped.")
    return 1


def _playwright_browser() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return str(path) if path.exists() else None


def _quietly(*command: str) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
