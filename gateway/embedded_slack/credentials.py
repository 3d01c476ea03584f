"""The bot token and signing secret of the embedded Slack: made once, kept in a file that only its owner may read.

Every process of an installation reads the same file; whoever comes first writes it.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

FILE_NAME = "embedded_slack_secrets.json"


@dataclass(frozen=True)
class EmbeddedSecrets:
    bot_token: str
    signing_secret: str


def embedded_secrets(home: Path) -> EmbeddedSecrets:
    """Read the secrets of the state folder ``home``, or make them (mode 0600) if there are none.

    Two processes may come at once: the file appears whole and only once, and both read the same content.
    """
    path = home / FILE_NAME
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{FILE_NAME}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"bot_token": f"xoxb-{secrets.token_hex(24)}", "signing_secret": secrets.token_hex(16)}, file)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(beside, path)
        except FileExistsError:
            pass  # another process was first; its secrets are the ones
        finally:
            beside.unlink()
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        return EmbeddedSecrets(body["bot_token"], body["signing_secret"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is not readable as the secrets of the embedded Slack ({error}). "
            "Delete the file: new ones are made at the next start."
        ) from error
