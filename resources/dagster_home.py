"""Dagster's instance folder: its dagster.yaml, and its one-time initialisation from one process."""

from __future__ import annotations

import json
from pathlib import Path

from resources.settings import Settings

# No run queue: one warehouse has one writer anyway (a file lock), and the queue costs up to five seconds a run.
_DAGSTER_YAML = """\
# Written by Trueloop at every start; settings go into TRUELOOP_ environment variables.
telemetry:
  enabled: false
nux:
  enabled: false
event_log_storage:
  module: resources.dagster_event_log
  class: KeptConnectionEventLogStorage
  config:
    base_dir: {history}
run_coordinator:
  module: dagster._core.run_coordinator
  class: DefaultRunCoordinator
run_monitoring:
  enabled: true
  poll_interval_seconds: 30
  start_timeout_seconds: 180
sensors:
  use_threads: true
  num_workers: 4
schedules:
  use_threads: true
  num_workers: 2
retention:
  schedule:
    purge_after_days: {skipped: 3, started: 30, failure: 30, success: 30}
  sensor:
    purge_after_days: {skipped: 1, started: 30, failure: 30, success: 7}
"""


def prepare_dagster_home(settings: Settings) -> Path:
    """Write dagster.yaml and create Dagster's databases; returns the folder to use as DAGSTER_HOME.

    Dagster's processes must not do this themselves: several of them opening a fresh folder at once break its migration.
    """
    from dagster import DagsterInstance

    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    path = home / "dagster.yaml"
    content = _DAGSTER_YAML.replace("{history}", json.dumps(str(home / "history" / "runs")))
    if not path.exists() or path.read_text(encoding="utf-8") != content:
        path.write_text(content, encoding="utf-8")
    with DagsterInstance.from_config(str(home)) as instance:
        instance.get_runs(limit=1)
        instance.all_instigator_state()
        instance.get_latest_materialization_event  # noqa: B018 - touches the event log storage
        instance.event_log_storage.get_maximum_record_id()
    return home
