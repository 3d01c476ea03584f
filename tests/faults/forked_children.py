"""Work done in children that may die on the way: the two ends of the pipes between a test and a module of children.

One line in: an order as JSON. One line out: the child's exit code (137 where it was killed, 0 where it came through).
A forked child costs milliseconds, a fresh interpreter seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def serve(act: Callable[[dict[str, Any]], None]) -> None:
    """Carry out each order in a child of its own, until there are no more."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                act(json.loads(line))
            except BaseException:  # noqa: BLE001 - the exit code tells the parent
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


class ForkedChildren:
    """Orders a module that serves them; a context manager that ends it."""

    def __init__(self, module: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, **order: Any) -> int:
        """The exit code of the child that carried out the order."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def __enter__(self) -> ForkedChildren:
        return self

    def __exit__(self, *_error: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()
