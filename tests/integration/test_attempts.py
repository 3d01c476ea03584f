"""A breach or an incident that cannot be dealt with keeps no other from its case, and is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops_assets.automation import Trouble
from resources.ops_database import migrate, open_engine
from tests.process_world import World
from workflow_jobs.cases import OpenRequest
from workflow_jobs.incidents import AUTOMATION_RULE
from workflow_jobs.watching_over import finding_of, keep_troubles


def trouble(name: str, *symptoms: str) -> Trouble:
    return Trouble(f"job/{name}", "job", f"job {name}", "it failed", 3, symptoms=symptoms)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    engine = open_engine(f"sqlite:///{tmp_path / 'ops.db'}")
    migrate(engine)
    yield World(engine)
    engine.dispose()


def test_an_incident_that_fails_keeps_no_other_from_being_opened_or_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [trouble("over"), trouble("below"), trouble("stays")]
    keep_troubles(world.service, before, lambda _subject: True)
    open_case, resolve = world.service.open_case, world.service.resolve_incident

    def opens(request: OpenRequest, **more: Any) -> Any:
        if request.subject_id == "job/broken":
            raise RuntimeError("no such owner")
        return open_case(request, **more)

    def resolves(rule_id: str, subject_id: str = "", **more: Any) -> Any:
        if subject_id == "job/stays":
            raise RuntimeError("no such case")
        return resolve(rule_id, subject_id, **more)

    monkeypatch.setattr(world.service, "open_case", opens)
    monkeypatch.setattr(world.service, "resolve_incident", resolves)
    now = [trouble("broken", "job/below"), trouble("new")]
    with pytest.raises(ExceptionGroup, match="2 of the incidents failed") as caught:
        keep_troubles(world.service, now, lambda _subject: True)
    stays = world.service.cases(subject_id="job/stays")[0].case_id
    assert [one.__notes__ for one in caught.value.exceptions] == [
        [f"incident {AUTOMATION_RULE} job/broken"],
        [f"case {stays}"],
    ]
    subjects = {case.subject_id for case in world.service.cases(status="open")}
    assert subjects == {"job/below", "job/stays", "job/new"}, "what is below the broken one waits for it"
    assert finding_of(now[0]).symptoms == ("job/below",)
