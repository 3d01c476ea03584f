"""Waits until a port on the loopback address accepts connections: `python -m gateway.wait_for_port PORT`."""

from __future__ import annotations

import socket
import sys
import time


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


if __name__ == "__main__":
    sys.exit(0 if wait_for_port(int(sys.argv[1])) else 1)
