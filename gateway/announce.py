"""The last process of `make up`: runs the first refresh, says when everything answers, then only stays.

It stays because the supervisor ends everything when one of its processes ends. Imports little for the same reason.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

from gateway.own_pages import answers
from resources.settings import PROJECT_ROOT, Settings, load_settings

READY_TIMEOUT_SECONDS = 900
_HELD_BACK = 3
_SUMMARY_SECONDS = 120


def main() -> None:
    settings = load_settings()
    started = float(sys.argv[1]) if len(sys.argv) > 1 else time.time()
    refresh = None
    if first_refresh_is_due(settings):
        _say("First refresh: loading, building, auditing, publishing (follow it under Runs in the Dagster UI)")
        refresh = subprocess.Popen([sys.executable, "-m", "gateway.cli", "refresh"], cwd=PROJECT_ROOT)
    announce(settings, started, refresh)
    signal.pause()


def first_refresh_is_due(settings: Settings) -> bool:
    """True while nothing was published yet; the announcer then runs the refresh."""
    return not (settings.serving_dir / "current.json").exists()


def announce(settings: Settings, started: float, refresh: subprocess.Popen[bytes] | None) -> None:
    """Wait until all pages answer and print their addresses; say so when the first refresh failed."""
    pages = addresses(settings)
    probes = [*pages.values(), f"{settings.gateway_url}/readyz"]
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    missing = probes
    while time.monotonic() < deadline:
        missing = [address for address in probes if not answers(address)]
        if not missing:
            seconds = time.time() - started
            _let_end(refresh)
            print(f"\nTrueloop is ready ({seconds:.0f} s).\n", flush=True)
            for name, address in pages.items():
                print(f"  {name:<18}{address}", flush=True)
            if settings.feed == "on" and (settings.home / "sample.json").exists():
                print("\nA supplier of the sample company delivers late now and then: look for a case on the gateway's")
                print("page, and for its card in the embedded Slack.", flush=True)
            print(f"\nState and logs: {settings.home}\nCtrl-C stops everything.\n", flush=True)
            return
        if refresh is not None and refresh.poll() not in (None, 0, _HELD_BACK):
            _say(f"The first refresh failed; what it said stands above. Logs: {settings.home / 'logs'}")
            refresh = None
        time.sleep(0.5)
    _say(f"Still not ready: {', '.join(missing)}. Look into {settings.home / 'logs'}.")


def _let_end(refresh: subprocess.Popen[bytes] | None) -> None:
    """Everything answers as soon as figures are published; what the refresh then says of itself comes first."""
    if refresh is not None:
        with suppress(subprocess.TimeoutExpired):
            refresh.wait(timeout=_SUMMARY_SECONDS)


def addresses(settings: Settings) -> Mapping[str, str]:
    """Name and address of every page that a person opens."""
    pages = {
        "Dagster UI": f"{settings.dagster_url}/",
        "dbt docs": f"{settings.gateway_url}/dbt/",
        "Slack (embedded)": f"{settings.gateway_url}/embedded-slack/",
        "Gateway": f"{settings.gateway_url}/",
    }
    if not settings.slack_embedded:
        del pages["Slack (embedded)"]
    return pages


def _say(sentence: str) -> None:
    print(f"  {sentence}", flush=True)


if __name__ == "__main__":
    main()
