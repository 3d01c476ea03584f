"""Cases that an earlier release left in the database, on texts that no file has any more, go on and end."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import Connection, Engine

from resources.clock import FixedClock
from tests.engine_world import people
from tests.kept_templates import Kept, all_kept
from tests.template_walks import Walks, shipped_library
from workflow_jobs.case_transactions import Change
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay
from workflow_jobs.service import ProcessService
from workflow_jobs.store import case_rows
from workflow_jobs.store.tables import case


def leave_behind(service: ProcessService, kept: Kept) -> str:
    """Write the case as a release before this one left it: its text, log and rows, and its state in an earlier form."""
    log = kept.log
    case_id, template = log[0].case_id, kept.template

    def work(connection: Connection) -> None:
        case_rows.keep_template(connection, template.hash, template.id, kept.text, log[0].at)
        service._write(connection, Change(None, replay(log), tuple(log)), template, people(), log[-1].at, "test")
        connection.execute(
            case.update().where(case.c.case_id == case_id).values(state={"state_version": 1, "case_id": case_id})
        )

    service._transaction("leave_behind", work)
    return case_id


def test_cases_of_every_earlier_text_go_on_from_the_database_and_end(ops_engine: Engine, tmp_path: Path) -> None:
    texts = all_kept()
    assert {kept.template.id for kept in texts} == set(shipped_library().ids())
    for kept in texts:
        walk = Walks(kept.template, ops_engine, folder=tmp_path, clock=FixedClock(kept.log[-1].at))
        case_id = leave_behind(walk.service(), kept)
        walk.to_its_end(case_id)
        state = walk.reload(case_id)
        assert not state.is_open and state.template_hash == kept.template.hash
        decided = [event for event in walk.service().events(case_id) if isinstance(event, e.TaskDecided)]
        assert decided[-1].seq > len(kept.log), "somebody decided on it after it was taken over"
