"""Whether the ops database that the settings name is the one that this state folder has been working with.

Another ``TRUELOOP_DATABASE_URL`` moves nothing: cases stay in the file of the state folder, and numbers begin anew. So
an empty database beside a file that holds cases is refused until somebody has said what he means.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from resources.ops_database import open_engine
from resources.platform import StateFolderError
from resources.settings import OPS_DATABASE, Settings

_CASES = sa.table("process_case")


def require_same_database(settings: Settings) -> None:
    """Raise StateFolderError where the state folder's own database holds cases and the one of the settings none."""
    own = settings.home / OPS_DATABASE
    if settings.database_url == f"sqlite:///{own}" or not own.is_file():
        return
    left = _cases(f"sqlite:///{own}")
    if left and not _cases(settings.database_url):
        shown = sa.engine.make_url(settings.database_url).render_as_string(hide_password=True)
        raise StateFolderError(
            f"TRUELOOP_DATABASE_URL names {shown}, which holds no case, but {own} holds {left}. Nothing is moved: take "
            "TRUELOOP_DATABASE_URL away to go on with those, or, to begin anew without them, move that file out of the "
            "state folder (docs/operations.md, PostgreSQL)."
        )


def _cases(url: str) -> int:
    """How many cases a database holds; one without tables holds none. Raises StateFolderError if it cannot be read."""
    parsed = sa.engine.make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        return 0
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table(_CASES.name):
                return 0
            return int(connection.scalar(sa.select(sa.func.count()).select_from(_CASES)) or 0)
    except sa.exc.DBAPIError as error:
        shown = parsed.render_as_string(hide_password=True)
        raise StateFolderError(f"The ops database {shown} cannot be read: {str(error.orig).strip()}") from error
    finally:
        engine.dispose()
