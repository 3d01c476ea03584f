"""One reader, every place: what a role does not see is in no answer of the API, on no page and in no export."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pyarrow as pa
import pytest

from gateway.app import create_app
from gateway.tokens import READ, create_token
from ops_assets.access import CLASSES
from ops_assets.definition_bundle import DefinitionBundle, bundle_of
from ops_assets.lineage import Column
from tests.gateway_stack import free_port, serving
from tests.platform_world import PlatformWorld, PublishedHome, copied_world

SLA = "metric_sla_attainment"
MARGIN = "metric_order_gross_margin"
ROLES = ("public", "employee", "analyst", "finance", "hr", "steward", "admin")
SEES_PERSONS = {"hr", "steward", "admin"}
SEES_MARGINS = {"analyst", "finance", "steward", "admin"}
ARROW = "application/vnd.apache.arrow.stream"


@dataclass(frozen=True)
class Company:
    """A published company with decided tasks; ``people`` are those who decided: id, name, department."""

    world: PlatformWorld
    client: httpx.Client
    people: list[dict[str, Any]]
    tokens: dict[str, str]

    def get(self, role: str, address: str, **more: Any) -> httpx.Response:
        return self.client.get(address, headers={"Authorization": f"Bearer {self.tokens[role]}"}, **more)

    def query(self, role: str, accept: str = "application/json", **body: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[role]}", "Accept": accept}
        return self.client.post("/api/v1/metrics/query", json=body, headers=headers)

    @property
    def own(self) -> str:
        """The department of the readers that have one."""
        return str(self.people[0]["department_id"])


@pytest.fixture(scope="module")
def company(published: PublishedHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    world = copied_world(tmp_path_factory.mktemp("access") / "home", published.home)
    # People without a role: nobody of them owns a metric, so their names stand nowhere else on a page.
    people = world.snapshot.rows(
        "select distinct on (department_id) person_id, name, department_id from people"
        " where person_id not in (select person_id from person_roles) order by department_id, person_id"
    )
    assert len(people) >= 2, "the sample company has people without a role in several departments"
    world.post("trueloop", "tasks", [_task(n, people[n % len(people)]["person_id"]) for n in range(40)])
    world.refresh()
    app = create_app(world.platform.settings, clock=world.clock)
    tokens = {
        role: create_token(
            world.platform.ops_engine, name=role, scopes=[READ], reader_role=role, clock=world.clock,
            departments=[people[0]["department_id"]],
        ).text
        for role in ROLES
    }  # fmt: skip
    port = free_port()
    with serving(app, port), httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield Company(world, client, people, tokens)
    world.close()


def _task(number: int, assignee: str) -> dict[str, Any]:
    day = f"2026-{10 + number % 2}-{1 + number % 20:02d}"
    return {
        "task_id": f"T{number}", "case_id": "C1", "template_id": "supply_exception", "step_id": "judge",
        "role": "quality_engineer", "assignee_id": assignee, "created_at": f"{day}T01:00:00",
        "due_at": f"{day}T05:00:00", "decided_at": f"{day}T04:00:00", "outcome": "confirm", "working_minutes": 60,
        "breached": number % 3 == 0, "rungs_fired": 0,
    }  # fmt: skip


@pytest.fixture(scope="module")
def bundle(company: Company) -> DefinitionBundle:
    return bundle_of(company.world.platform.snapshots, company.world.snapshot)


PERSON_PLACES = [
    f"/api/v1/metrics/{SLA}",
    f"/api/v1/metrics/{SLA}?dimension=person",
    f"/api/v1/metrics/{SLA}?dimension=person&format=csv",
    f"/api/v1/metrics/{SLA}?dimension=person&format=arrow",
    f"/metrics/{SLA}",
    f"/metrics/{SLA}/rows",
    f"/metrics/{SLA}/rows?format=csv",
    f"/metrics/{SLA}/part/movement?older=2026-10&newer=2026-11",
]


@pytest.mark.parametrize("address", PERSON_PLACES)
@pytest.mark.parametrize("role", ROLES)
def test_names_are_shown_to_those_who_see_persons_and_to_nobody_else(company: Company, role: str, address: str) -> None:
    answer = company.get(role, address)
    names = [str(person[key]).encode() for person in company.people for key in ("name", "person_id")]
    if role in SEES_PERSONS:
        assert answer.status_code == 200, answer.text
        assert any(name in answer.content for name in names)
        return
    assert answer.status_code in (200, 403), answer.text
    assert [name for name in names if name in answer.content] == []
    if role == "analyst":
        assert answer.status_code == 200
        assert b"person-" in answer.content


MARGIN_PAGES = [
    "/", "/board", "/metrics", f"/metrics/{MARGIN}", f"/metrics/{MARGIN}/part/movement",
    f"/metrics/{MARGIN}/part/claims",
    f"/metrics/{MARGIN}/explain?claim=finance", f"/metrics/{MARGIN}/rows", f"/metrics/{MARGIN}/rows?format=csv",
    f"/api/v1/metrics/{MARGIN}/explain?claim=finance", "/api/v1/metrics", f"/api/v1/metrics/{MARGIN}",
    f"/api/v1/metrics/{MARGIN}?grain=month", f"/api/v1/metrics/{MARGIN}?grain=month&format=csv",
    f"/api/v1/metrics/{MARGIN}?grain=month&format=arrow",
]  # fmt: skip


@pytest.mark.parametrize("address", MARGIN_PAGES)
@pytest.mark.parametrize("role", ROLES)
def test_margins_are_shown_to_those_who_see_them_and_to_nobody_else(company: Company, role: str, address: str) -> None:
    row = company.world.metric(MARGIN)
    months = company.world.snapshot.rows("select value, value_text from metric_period where metric = ?", [MARGIN])
    figures = [str(row["value"]), row["value_text"], row["numerator"], row["denominator"]]
    figures += [str(month[key]) for month in months for key in ("value", "value_text")]
    answer = company.get(role, address)
    if role in SEES_MARGINS:
        assert answer.status_code == 200, answer.text
        return
    shown = [figure for figure in figures if len(figure) >= 5 and figure.encode() in answer.content]
    others = [str(one["value_text"]) for one in company.world.snapshot.rows("select value_text from metrics")]
    assert [figure for figure in shown if figure not in others] == []
    assert answer.status_code in (200, 403)
    if "/api/v1/metrics/" in address or "?" in address:
        assert answer.status_code == 403, answer.text


def test_the_margin_is_really_there_for_those_who_see_it(company: Company) -> None:
    value = company.world.metric(MARGIN)["value_text"]
    for address in ("/", "/board", "/metrics", f"/metrics/{MARGIN}"):
        assert value in company.get("finance", address).text, address
    body = company.get("finance", f"/api/v1/metrics/{MARGIN}").json()
    assert body["metric"]["value"] == company.world.metric(MARGIN)["value"]


def test_an_employee_gets_the_rows_of_the_own_department(company: Company) -> None:
    everybody = company.query("steward", metrics=[SLA], dimensions=["department"]).json()
    own = company.query("employee", metrics=[SLA], dimensions=["department"]).json()
    assert len(everybody["rows"]) == len(company.people)
    assert [row["dimensions"]["department"]["id"] for row in own["rows"]] == [company.own]
    assert own["rows"][0]["figures"] == next(
        row["figures"] for row in everybody["rows"] if row["dimensions"]["department"]["id"] == company.own
    )
    assert "only rows of your departments" in own["hidden"]
    total = company.query("employee", metrics=[SLA]).json()["rows"][0]["figures"]
    assert total == own["rows"][0]["figures"]


@pytest.mark.parametrize("form", ["text/csv", ARROW])
def test_exports_are_masked_and_filtered_like_answers(company: Company, form: str) -> None:
    answer = company.query("employee", form, metrics=[SLA], dimensions=["person"])
    assert answer.status_code == 200, answer.text
    arrow = form == ARROW
    text = str(pa.ipc.open_stream(io.BytesIO(answer.content)).read_all().to_pylist()) if arrow else answer.text
    assert text.count("person-") >= 1
    assert company.people[0]["name"] not in text
    rows = company.query("employee", metrics=[SLA], dimensions=["person"]).json()["rows"]
    assert len(rows) == 1, "one person of the own department decided"


@pytest.mark.parametrize("role", ["employee", "analyst", "finance"])
def test_nobody_can_ask_for_one_person_by_name(company: Company, role: str) -> None:
    one = company.people[0]["person_id"]
    filters = [{"dimension": "person", "op": "eq", "values": [one]}]
    answer = company.query(role, metrics=[SLA], filters=filters)
    assert answer.status_code == 403
    assert "person" in answer.json()["detail"]
    answer = company.query(role, metrics=[SLA], dimensions=["person"], order=[{"by": "person"}])
    assert answer.status_code == 403


def test_the_same_person_has_the_same_pseudonym_everywhere(company: Company) -> None:
    asked = company.query("analyst", metrics=[SLA], dimensions=["person"]).json()["rows"]
    queried = {row["dimensions"]["person"]["id"] for row in asked}
    detail = company.get("analyst", f"/api/v1/metrics/{SLA}").json()
    listed = {row["subject_id"] for row in detail["subjects"] if row["dimension"] == "person"}
    assert queried == listed
    assert len(queried) == len(company.people)


def test_cases_are_for_those_who_work_here(company: Company) -> None:
    assert company.get("public", "/api/v1/cases").status_code == 403
    assert company.get("employee", "/api/v1/cases").status_code == 200


def test_every_figure_of_confidential_inputs_is_confidential(bundle: DefinitionBundle) -> None:
    """Along the lineage: a metric's sums of costs or prices tell them, so the metric is of their class."""
    wrong = []
    for name, metric in bundle.metrics.items():
        for figure in ("numerator", "denominator"):
            for column in bundle.lineage.upstream([Column(name, figure)]):
                security = bundle.security.get(column.relation)
                found = "internal" if security is None else security.class_of(column.name)
                if found == "confidential" and CLASSES.index(metric.security_class) < CLASSES.index("confidential"):
                    wrong.append(f"{name}.{figure} ({metric.security_class}) is made of {column}")
    assert wrong == []


def test_whatever_is_made_of_personal_columns_is_personal_unless_it_says_otherwise(bundle: DefinitionBundle) -> None:
    made = {
        (name, column)
        for name, security in bundle.security.items()
        for column in security.unstated
        for above in bundle.lineage.upstream([Column(name, column)])
        if above.relation in bundle.security and bundle.security[above.relation].class_of(above.name) == "personal"
    }
    assert {(name, column) for name, column in made if bundle.security[name].class_of(column) != "personal"} == set()
