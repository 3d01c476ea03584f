"""``python -m gateway``: serve the gateway until a signal ends it."""

from __future__ import annotations

import gc
import logging
import sys

import uvicorn
from pydantic import ValidationError

from gateway.app import create_app
from gateway.embedded_slack.app import is_loopback
from resources.moved_database import require_same_database
from resources.packs import PackError
from resources.platform import Platform, StateFolderError
from resources.settings import Settings, load_settings
from resources.slack_connection import SlackSettingsError
from workflow_jobs.delivery.targets import SlackUsersFileError

# An open page asks once a second, so connections are never idle; do not wait for them to end.
_SHUTDOWN_SECONDS = 5


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("httpx", "alembic", "slack_bolt", "metricflow", "metricflow_semantics"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        settings = load_settings()
        refusal = bind_refusal(settings)
        if refusal:
            return _refuse(refusal)
        Platform(settings).claim_state_folder()
        require_same_database(settings)
        app = create_app(settings)
    except ValidationError as error:
        first = error.errors()[0]
        name = "TRUELOOP_" + "_".join(str(part) for part in first["loc"]).upper()
        return _refuse(f"{name}: {first['msg']}. docs/settings.md lists all settings.")
    except (SlackSettingsError, SlackUsersFileError, StateFolderError, PackError) as error:
        return _refuse(str(error))
    # What stands now stays to the end. To look through it for garbage took 160 ms again and again, in which all waited.
    gc.collect()
    gc.freeze()
    uvicorn.run(
        app,
        host=settings.gateway_host,
        port=settings.gateway_port,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    return 0


def bind_refusal(settings: Settings) -> str:
    """Why the gateway must not bind where the settings say; empty where it may."""
    if settings.slack_embedded and not is_loopback(settings.gateway_host):
        return (
            f"TRUELOOP_GATEWAY_HOST is {settings.gateway_host!r}, but the embedded Slack lets everybody act as "
            "anybody, so it is served on the loopback address only. Set the tokens of a real Slack (docs/slack.md), or "
            "127.0.0.1."
        )
    return ""


def _refuse(sentence: str) -> int:
    print(f"The gateway cannot start: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
