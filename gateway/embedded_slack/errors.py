"""The one error of the Web API: ``ok: false`` with Slack's code."""

from __future__ import annotations

from typing import Any


class SlackError(Exception):
    """A call that Slack refuses. ``code`` is Slack's error code; ``messages`` go into ``response_metadata``."""

    def __init__(self, code: str, *messages: str, **more: Any) -> None:
        super().__init__(code if not messages else f"{code}: {'; '.join(messages)}")
        self.code = code
        self.messages = messages
        self.more = more

    def body(self) -> dict[str, Any]:
        answer: dict[str, Any] = {"ok": False, "error": self.code, **self.more}
        if self.messages:
            answer["response_metadata"] = {"messages": [f"[ERROR] {message}" for message in self.messages]}
        return answer
