"""From a breach to a case: why it was opened, one while it lasts, and rules about the data as incidents that end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa

from ops_assets.breach import Breach
from ops_assets.catalog import Watch
from ops_assets.checks.trust import Words
from ops_assets.dictionary.watch_rule import WatchRule
from resources.ops_database import migrate, open_engine
from resources.serving import Snapshot
from tests.engine_world import JOBS, ROLES, human
from tests.process_world import World
from workflow_jobs import detection
from workflow_jobs.cases import NO_ACTION, OpenRequest
from workflow_jobs.engine.template import load_template
from workflow_jobs.incidents import UNOPENED_RULE
from workflow_jobs.slack.breach_lines import evidence
from workflow_jobs.template_library import TemplateLibrary, load_library

METRIC = "metric_supplier_reject_rate"
WHY = Words("13.00 % in 2026-10 is 30.0 % higher than before.", "2026-10 为 13.00 %，高 30.0 %。")


class _Snapshot:
    """What detection asks of a snapshot besides the breaches: the metric's words and owner."""

    def __init__(self, number: int) -> None:
        self.id, self.as_of = f"snap-{number}", date(2026, 11, 15)

    def rows(self, _sql: str, _parameters: object = ()) -> list[dict[str, Any]]:
        return [{"label_en": "Rejects", "label_zh": "拒收", "owner_role": "quality_manager", "as_of": self.as_of}]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    engine: sa.Engine = open_engine(f"sqlite:///{tmp_path / 'ops.db'}")
    migrate(engine)
    yield World(engine)
    engine.dispose()


def breach(template: str = "supply_exception", **changes: Any) -> Breach:
    values: dict[str, Any] = {
        "rule_id": "rule", "metric": METRIC, "template": template, "subject_kind": "supplier", "subject_id": "S1",
        "subject_label": "Supplier S1", "direction": "above", "observed": Decimal("0.13"),
        "threshold": Decimal("0.12"), "kind": "change", "why": WHY, "evidence": {"points": []}, **changes,
    }  # fmt: skip
    return Breach(**values)


def missing(template: str, newest: str = "2026-11-01", **changes: Any) -> Breach:
    return breach(template, direction="", observed=None, threshold=None, kind="missing", episode=newest, **changes)


@pytest.fixture
def read(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``read(number, *breaches)`` reads a snapshot in which these breaches are found."""

    def reading(number: int, *breaches: Breach) -> str:
        monkeypatch.setattr(detection, "find_breaches", lambda _watches, _snapshot: list(breaches))
        monkeypatch.setattr(detection, "find_incidents", lambda _snapshot, _set_aside, _silences: [])
        rule = WatchRule.model_validate({"name": "rule", "missing": {"for": "3d"}, "template": "data_incident"})
        return detection.read_snapshot(world.service, cast(Snapshot, _Snapshot(number)), [Watch(METRIC, rule)])

    return reading


def test_a_case_knows_why_and_is_one_while_the_breach_lasts(world: World, read: Any) -> None:
    for number in range(3):
        read(number, breach())
    (case,) = world.service.cases(template="supply_exception")
    state = world.service.case(case.case_id)
    assert state.breaches == 1, "nothing new was seen"
    assert state.data["why"] == {"en": WHY.en, "zh": WHY.zh}
    assert state.data["evidence"] == {"points": []}


@pytest.mark.parametrize(("language", "said"), [("en", WHY.en), ("zh", WHY.zh)])
def test_the_card_says_why(world: World, read: Any, language: str, said: str) -> None:
    read(1, breach())
    state = world.service.case(world.service.cases()[0].case_id)
    context = World(world.engine, language=language).service.card_context(METRIC)
    (block,) = evidence(state, context)
    assert said in block["text"]["text"]


def test_missing_rows_that_need_no_action_are_news_once_there_were_rows(world: World, read: Any) -> None:
    read(1, missing("supply_exception"))
    (case,) = world.service.cases(template="supply_exception")
    task = world.task(case.case_id, "judge")
    world.service.decide_task(task.task_id, task.version, task.assignee or "", "reject", {"judgement": "known"}, "test")
    assert world.service.case(case.case_id).outcome == NO_ACTION
    read(2, missing("supply_exception"))
    assert len(world.service.cases(template="supply_exception")) == 1
    read(3, missing("supply_exception", newest="2026-11-09"))
    assert len(world.service.cases(template="supply_exception")) == 2


def test_a_rule_about_the_data_opens_an_incident_that_ends_with_it(world: World, read: Any) -> None:
    for number in range(2):
        read(number, missing("data_incident", subject_kind="", subject_id="", subject_label=""))
    (case,) = world.service.cases(status="open", template="data_incident")
    assert (case.rule_id, case.subject_id, case.subject_label) == ("rule", METRIC, "Rejects")
    assert world.service.case(case.case_id).data["owner_role"] == "quality_manager"
    assert "1 closed" in read(3)
    assert world.service.cases(status="open", template="data_incident") == []


def test_a_breach_that_fails_keeps_no_other_from_its_own_case(
    world: World, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_case = world.service.open_case

    def opens(request: OpenRequest, **more: Any) -> Any:
        if request.subject_id == "S0":
            raise RuntimeError("the disk is full")
        return open_case(request, **more)

    monkeypatch.setattr(world.service, "open_case", opens)
    silent = missing("data_incident", subject_kind="", subject_id="", subject_label="")
    with pytest.raises(ExceptionGroup, match="1 of the breaches and incidents failed") as caught:
        read(1, breach(subject_id="S0"), breach(), silent)
    assert [one.__notes__ for one in caught.value.exceptions] == [["breach rule S0"]]
    assert {case.template_id for case in world.service.cases(status="open")} == {"supply_exception", "data_incident"}


ASKS_MORE = load_template(
    "id: asks_more\nversion: 1\ntitle: {en: T, zh: 题}\ndescription: {en: T, zh: 题}\nowner_role: plant_manager\n"
    "opened_by: [rules]\ninputs:\n- {name: order_no, type: text, title: {en: Order, zh: 订单号}, required: true}\n"
    f"steps:\n- {human('a')}\n",
    file="asks_more.yaml",
)


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("no_such_process", "there is no template 'no_such_process'"),
        ("order_change", "Watch rules do not open it"),
        ("asks_more", "The input order_no (Order) is missing."),
    ],
)
def test_a_refused_case_is_an_incident_about_its_rule_and_no_traceback(
    world: World, read: Any, caplog: pytest.LogCaptureFixture, template: str, says: str
) -> None:
    world.service._templates = TemplateLibrary([*load_library(known_roles=ROLES, known_jobs=JOBS), ASKS_MORE])
    refused = [breach(template, rule_id="amiss", subject_id=f"S{number}") for number in (2, 3)]
    for snapshot in (1, 2, 2):
        said = read(snapshot, *refused, breach())
        assert says in said
    assert "Traceback" not in caplog.text
    assert caplog.text.count("watch rule amiss") == 3, "one sentence a reading, however many subjects"
    (incident,) = world.service.cases(status="open", template="data_incident")
    assert (incident.rule_id, incident.subject_id) == (UNOPENED_RULE, "amiss")
    state = world.service.case(incident.case_id)
    assert state.breaches == 1, "recorded again only where something else is said"
    assert says in str(state.data["failed"])
    assert len(world.service.cases(status="open", template="supply_exception")) == 1
    assert "1 closed" in read(3, breach())
