"""What a reader may see of work: messages that were given up, incidents, and proposals of definitions."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from gateway.tokens import READ, create_token
from ops_assets.catalog import load_catalog
from ops_assets.definition_bundle import DefinitionBundle, store_bundle
from ops_assets.definition_change.proposals import Proposals
from ops_assets.definition_change.tables import definition_change
from resources.clock import FixedClock
from resources.platform import MODELS_DIR
from tests.gateway_stack import METRIC, Stack, running_stack
from workflow_jobs.incidents import RED_LINE_RULE, Finding, keep_incidents
from workflow_jobs.outgoing_message import Outgoing
from workflow_jobs.store import outbox_rows

API = ("/api/v1/outbox/dead", "/api/v1/incidents")
PAGES = ("/outbox", "/incidents?lang=en", "/proposals?lang=en", "/proposals/P-0001?lang=en")
CHANGES = f"/metrics/{METRIC}/part/changes?lang=en"
SENTENCE, FIGURE = "9.31 % is above 8 %.", "3.1238"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One incident, one dead letter to Li Na, one proposal of hers with shadow figures."""
    clock = FixedClock(datetime(2026, 11, 16, 1, 30, tzinfo=UTC))
    with running_stack(tmp_path_factory.mktemp("work") / "home", clock) as running:
        engine, service = running.context.engine, running.context.service
        finding = Finding(
            rule_id=RED_LINE_RULE,
            subject_id=METRIC,
            kind="metric",
            label="Supplier reject rate",
            owner_role="quality_engineer",
            failed=[("rate_in_range", SENTENCE)],
            sighting="s1",
            metric=METRIC,
        )
        keep_incidents(service, [finding], {RED_LINE_RULE})
        letter = Outgoing(
            kind="slack.message",
            dedupe_key="k",
            payload={"text": "x", "to": {"person": "E003", "name": "Li Na", "email": "li@x"}},
        )
        with engine.begin() as connection:
            outbox_rows.put(connection, "C-000001", [letter], clock.now())
            connection.exec_driver_sql(
                "update process_outbox set status = 'dead', attempts = 10, last_error = 'li@x bounced'"
            )
        kept = Proposals(engine)
        entry = {
            "metric": METRIC, "label_en": "Supplier reject rate", "label_zh": "供应商拒收率", "old_version": 1,
            "fields": [], "models": {}, "accountable": "quality_manager",
        }  # fmt: skip
        kept.add(
            proposed_by="E003",
            reason="Li Na wants it",
            at=clock.now(),
            files={},
            new_project="p",
            review={"metrics": [entry], "impact": {}},
        )
        side = {"text": FIGURE, "value": 0.031238}
        figures = {"unit": "percent", "old": side, "new": side, "periods": [], "dimensions": {}}
        kept.note_shadow(
            "P-0001", {"metrics": {METRIC: figures}, "as_of": "2026-11-15", "lock_seconds": 1, "tests": []}
        )
        with engine.begin() as connection:
            row = {"metric": METRIC, "kind": "published", "by": "E003", "approved_by": "E003"}
            row |= {"reason": "Li Na wants it", "case_id": "", "proposal_id": "P-0001"}
            connection.execute(definition_change.insert().values(version=1, at=clock.now(), **row))
        yield running


def define_metric(stack: Stack) -> None:
    """Publish the same figures with the definition of the metric: by that it is known as one, and as confidential."""
    store = stack.context.snapshots
    current = store.current()
    assert current is not None
    metric = load_catalog(MODELS_DIR / "metrics").metrics[METRIC]
    bundle = DefinitionBundle({METRIC: metric.model_copy(update={"security_class": "confidential"})})
    if current.info.definitions == bundle.digest:
        return
    store_bundle(store, bundle)
    built = store.root / "defined.building"
    shutil.copy(current.path, built)
    store.commit(replace(current.info, id="20261116-000002", sequence=2, definitions=bundle.digest), built)
    store.serve_newest()


def asked(stack: Stack, role: str, address: str) -> httpx.Response:
    token = create_token(stack.context.engine, name=role, scopes=[READ], reader_role=role, clock=stack.clock).text
    return stack.http.get(address, headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("address", [*API, *PAGES])
def test_whoever_sees_nothing_internal_is_refused(stack: Stack, address: str) -> None:
    answer = asked(stack, "public", address)
    assert answer.status_code == 403, answer.text
    assert "public" in answer.json()["detail"]


def test_a_metric_s_page_says_why_its_history_is_not_shown(stack: Stack) -> None:
    answer = asked(stack, "public", CHANGES)
    assert (answer.status_code, "Li Na" in answer.text) == (200, False)
    assert "the role &#39;public&#39; does not see" in answer.text
    assert "Li Na" in asked(stack, "employee", CHANGES).text


@pytest.mark.parametrize(("role", "sees"), [("employee", False), ("analyst", True)])
def test_figures_are_for_those_who_see_the_metric_s(stack: Stack, role: str, sees: bool) -> None:
    (incident,) = asked(stack, role, "/api/v1/incidents").json()["incidents"]
    assert incident["failed"] == [{"check": "rate_in_range", "sentence": SENTENCE if sees else ""}]
    assert incident["assignee_name"] == "Li Na"
    case = incident["case_id"]
    for address in ("/incidents?lang=en", f"/api/v1/cases/{case}"):
        assert (SENTENCE in asked(stack, role, address).text) is sees, address
    assert sees or SENTENCE not in asked(stack, role, f"/cases/{case}?lang=en").text
    proposal = asked(stack, role, "/proposals/P-0001?lang=en").text
    assert "Li Na" in proposal
    assert (FIGURE in proposal, "is confidential; the role" in proposal) == (sees, not sees)


@pytest.mark.parametrize(("role", "sees"), [("employee", False), ("analyst", True)])
def test_an_incident_about_a_metric_is_as_hidden_as_its_figures_wherever_it_is_asked_for(
    stack: Stack, role: str, sees: bool
) -> None:
    """The case of such an incident has no metric of its own: the metric is its subject."""
    define_metric(stack)
    finding = Finding(
        rule_id="own_red_line",
        subject_id=METRIC,
        kind="metric",
        label="Supplier reject rate",
        owner_role="quality_engineer",
        failed=[("rate_in_range", SENTENCE)],
        sighting="s2",
    )
    service = stack.context.service
    keep_incidents(service, [finding], {"own_red_line"})
    try:
        (case,) = [one for one in service.cases(status="open") if one.rule_id == "own_red_line"]
        assert case.metric == ""
        assert (SENTENCE in asked(stack, role, f"/api/v1/cases/{case.case_id}").text) is sees
        assert asked(stack, role, f"/api/v1/cases/{case.case_id}/files").status_code == (200 if sees else 403)
    finally:
        keep_incidents(service, [], {"own_red_line"})


def test_people_are_pseudonyms_where_the_policy_says_so(stack: Stack) -> None:
    context = stack.context
    stack.app.state.context = replace(context, access=replace(context.access, case_people="personal"))
    try:
        found = {address: asked(stack, "employee", address).text for address in (*API, *PAGES, CHANGES)}
    finally:
        stack.app.state.context = context
    for address, shown in found.items():
        assert "person-" in shown, address
        assert [one for one in ("Li Na", "E003", "li@x") if one in shown] == [], address
