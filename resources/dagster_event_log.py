"""Dagster's event log on SQLite, with connections that are kept.

Dagster's own storage opens and closes a connection for every event. Each commit and each close waits for the disk
(measured: 83 ms an event on a busy machine, 60 of them waiting), and a refresh writes some hundred events. Here a
connection is kept per database, and commits are synced at checkpoints: a killed process loses nothing, a power failure
may lose the last events of the log, never any figure or decision (those live elsewhere, fully synced).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from dagster._core.events import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.instance.utils import RUNLESS_RUN_ID
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData

_BUSY_SECONDS = 30
_KEPT = 8


class KeptConnectionEventLogStorage(SqliteEventLogStorage):
    """Dagster's SQLite event log, one kept engine per run database, the least recently used ones closed."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, sa.Engine] = OrderedDict()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> KeptConnectionEventLogStorage:
        return cls(inst_data=inst_data, **config_value)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Like Dagster's own, but materialisations without a run are written in two transactions, not two for each.

        They go where ``store_event`` puts them: into the log of their run, then into the index with their tags, and the
        newest of each asset becomes the asset's last materialisation.
        """
        if not all(event.run_id == RUNLESS_RUN_ID and _is_materialization(event) for event in events):
            super().store_event_batch(events)
            return
        statements = [self.prepare_insert_event(event) for event in events]
        with self.run_connection(RUNLESS_RUN_ID) as connection:
            for statement in statements:
                connection.execute(statement)
        with self.index_transaction() as connection:
            ids = [int((connection.execute(statement).inserted_primary_key or (0,))[0]) for statement in statements]
            self._store_asset_event_tags(connection, events, ids)
            newest = {event.get_dagster_event().asset_key: (event, at) for event, at in zip(events, ids, strict=True)}
            for event, at in newest.values():
                self._store_asset_event(connection, event, at)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def dispose(self) -> None:
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()
        super().dispose()

    def _engine(self, shard: str) -> sa.Engine:
        if shard in self._engines:
            self._engines.move_to_end(shard)
            return self._engines[shard]
        engine = sa.create_engine(
            self.conn_string_for_shard(shard),
            poolclass=sa.pool.QueuePool,
            pool_size=1,
            connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
        )
        sa.event.listen(engine, "connect", _sync_at_checkpoints)
        self._engines[shard] = engine
        while len(self._engines) > _KEPT:
            _, oldest = self._engines.popitem(last=False)
            oldest.dispose()
        return engine


def _is_materialization(event: EventLogEntry) -> bool:
    return event.is_dagster_event and event.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION


def _sync_at_checkpoints(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
