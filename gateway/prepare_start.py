"""What `make up` does before any service starts: state folder, sample data, databases, definitions.

A process of its own, so that the supervisor that stays behind is small.
"""

from __future__ import annotations

import sys

import psutil

from gateway.refresh_run import PID_TAG
from gateway.sample_data import wants_sample, write_sample
from gateway.start_check import UNREADABLE, in_words, read_everything
from resources.dagster_home import prepare_dagster_home
from resources.moved_database import require_same_database
from resources.platform import Platform, StateFolderError
from resources.settings import Settings, load_settings
from resources.stopped_runs import STOPPED_TAG


def main() -> int:
    try:
        platform = Platform(load_settings())
        platform.claim_state_folder()
        require_same_database(platform.settings)
        _say("Preparing databases and definitions")
        read_everything(platform)
        if wants_sample(platform):
            settings = platform.settings
            _say(f"Writing {settings.sample_days} days of the sample company (scale {settings.sample_scale:g})")
            write_sample(platform, _say)
        prepare_dagster_home(platform.settings)
        platform.ops_engine.dispose()
        fail_runs_of_the_dead(platform.settings)
    except (StateFolderError, *UNREADABLE) as error:
        print(f"Trueloop cannot start: {in_words(error)}", file=sys.stderr)
        return 1
    return 0


def fail_runs_of_the_dead(settings: Settings) -> None:
    """Mark runs as failed whose processes ended with an earlier supervisor; nothing else ever would.

    They are marked as stopped too: no incident is opened about them, and no figure counts them.
    """
    from dagster import DagsterInstance, RunsFilter

    from resources.unfinished_runs import EXECUTING

    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        for run in instance.get_runs(RunsFilter(statuses=EXECUTING)):
            pid = run.tags.get(PID_TAG)
            if pid is None or not _lives(int(pid)):
                instance.add_run_tags(run.run_id, {STOPPED_TAG: "its process ended with Trueloop"})
                instance.report_run_failed(run, "The process that executed this run is gone.")


def _lives(pid: int) -> bool:
    """A process that is dead and that its parent never asked about keeps its number, and does nothing any more."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _say(sentence: str) -> None:
    print(f"  {sentence}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
