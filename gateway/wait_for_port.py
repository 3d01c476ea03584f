"""Waits until a port on the loopback address accepts connections: `python -m gateway.wait_for_port PORT [FILE]`.

With a file it then waits for that as well, but not for ever: whoever should write it may have failed.
"""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

FILE_TIMEOUT_SECONDS = 60.0


def wait_for_port(port: int, timeout_seconds: float = 120) -> bool:
    """True once something listens on ``port``; False after the timeout."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.1)
    return False


def wait_for_file(path: Path, timeout_seconds: float = FILE_TIMEOUT_SECONDS) -> bool:
    """True once ``path`` exists; False after the timeout."""
    deadline = time.monotonic() + timeout_seconds
    while not path.exists():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.1)
    return True


if __name__ == "__main__":
    if not wait_for_port(int(sys.argv[1])):
        sys.exit(1)
    for name in sys.argv[2:]:
        wait_for_file(Path(name))
