"""Whether an address of the stack's own processes answers. Imports little: the announcer stays as long as the stack."""

from __future__ import annotations

import urllib.error
import urllib.request


def answers(address: str, timeout: float = 5) -> bool:
    """True when ``address`` answers with 200 within ``timeout`` seconds."""
    # No proxy of the environment: it would look for 127.0.0.1 on its own machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=timeout) as response:
            return int(response.status) == 200
    except (urllib.error.URLError, OSError):
        return False
