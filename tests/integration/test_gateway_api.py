"""The open API over HTTP: events, metrics, cases, tokens, limits and errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from gateway.tokens import READ, create_token, revoke_token
from ops_assets.ingestion.ledger import inbox_event
from resources.clock import FixedClock
from tests.gateway_stack import METRIC, Stack, running_stack
from workflow_jobs.service import ProcessService

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    clock = FixedClock(datetime(2026, 11, 16, 1, 30, tzinfo=UTC))
    with running_stack(tmp_path_factory.mktemp("api") / "home", clock, event_rate_per_minute=2000) as running:
        yield running


@pytest.fixture
def headers(stack: Stack) -> dict[str, str]:
    """A new token's header, so that no test uses up another's rate."""
    made = create_token(stack.context.engine, name="test", clock=stack.clock)
    return {"Authorization": f"Bearer {made.text}"}


@pytest.fixture
def source(stack: Stack) -> tuple[str, str]:
    """A source system of the pack and one of its tables."""
    system = next(iter(stack.context.sources))
    return system, stack.context.sources[system][0]


def event(event_id: str, table: str, **row: Any) -> dict[str, Any]:
    return {"event_id": event_id, "table": table, "row": row or {"a": "1"}}


def stored(stack: Stack, system: str) -> int:
    with stack.context.engine.connect() as connection:
        count = sa.select(sa.func.count()).select_from(inbox_event).where(inbox_event.c.source == system)
        return int(connection.execute(count).scalar_one())


def problem(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    body = answer.json()
    assert body["status"] == status
    assert "Traceback" not in answer.text
    assert len(body["detail"]) > 20
    return str(body["detail"])


def test_events_are_on_disk_before_the_answer_and_sending_twice_changes_nothing(
    stack: Stack, headers: dict[str, str], source: tuple[str, str]
) -> None:
    system, table = source
    before = stored(stack, system)
    batch = [event(f"once-{n}", table, a=str(n)) for n in range(3)]
    first = stack.http.post(f"/api/v1/events/{system}", json=batch, headers=headers)
    assert (first.status_code, first.json()) == (202, {"accepted": 3, "duplicates": 0})
    assert stored(stack, system) == before + 3
    again = stack.http.post(f"/api/v1/events/{system}", json=[*batch, event("once-9", table)], headers=headers)
    assert again.json() == {"accepted": 1, "duplicates": 3}
    one = stack.http.post(f"/api/v1/events/{system}", json=batch[0], headers=headers)
    assert one.json() == {"accepted": 0, "duplicates": 1}


def test_a_known_id_with_other_content_is_refused_and_nothing_of_the_request_is_kept(
    stack: Stack, headers: dict[str, str], source: tuple[str, str]
) -> None:
    system, table = source
    stack.http.post(f"/api/v1/events/{system}", json=event("conflict", table, a="1"), headers=headers)
    before = stored(stack, system)
    batch = [event("new-beside-conflict", table), event("conflict", table, a="2")]
    detail = problem(stack.http.post(f"/api/v1/events/{system}", json=batch, headers=headers), 409)
    assert "'conflict'" in detail
    assert stored(stack, system) == before


def test_wrong_events_say_what_and_where(stack: Stack, headers: dict[str, str], source: tuple[str, str]) -> None:
    system, table = source
    address = f"/api/v1/events/{system}"
    assert "no source 'nowhere'" in problem(stack.http.post("/api/v1/events/nowhere", json=event("1", table),
                                                            headers=headers), 404)  # fmt: skip
    assert "no table 'nothing'" in problem(stack.http.post(address, json=event("1", "nothing"), headers=headers), 422)
    problem(stack.http.post(address, json={"event_id": "1", "table": table}, headers=headers), 422)
    problem(stack.http.post(address, json=[], headers=headers), 422)
    problem(stack.http.post(address, json=event("1", table) | {"more": 1}, headers=headers), 422)
    json_headers = headers | {"Content-Type": "application/json"}
    assert "valid JSON" in problem(stack.http.post(address, content='{"a": ', headers=json_headers), 400)


def test_writing_needs_a_token_with_the_scope(stack: Stack, source: tuple[str, str]) -> None:
    system, table = source
    address, body = f"/api/v1/events/{system}", event("never", table)
    answer = stack.http.post(address, json=body)
    assert "tokens create" in problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"
    problem(stack.http.post(address, json=body, headers={"Authorization": "Bearer tl_x_y"}), 401)
    reader = create_token(stack.context.engine, name="reader", scopes=[READ], clock=stack.clock)
    detail = problem(stack.http.post(address, json=body, headers={"Authorization": f"Bearer {reader.text}"}), 403)
    assert "events:write" in detail
    gone = create_token(stack.context.engine, name="gone", clock=stack.clock)
    revoke_token(stack.context.engine, gone.token.token_id, clock=stack.clock)
    problem(stack.http.post(address, json=body, headers={"Authorization": f"Bearer {gone.text}"}), 401)
    # A caller without a token learns nothing about what is wrong with the rest of the request.
    problem(stack.http.post(address, json={"nonsense": 1}), 401)


def test_a_body_over_the_limit_is_refused(stack: Stack, headers: dict[str, str], source: tuple[str, str]) -> None:
    system, table = source
    body = json.dumps(event("large", table, text="x" * stack.settings.event_body_limit))
    json_headers = headers | {"Content-Type": "application/json"}
    assert "1,048,576 bytes" in problem(
        stack.http.post(f"/api/v1/events/{system}", content=body, headers=json_headers), 413
    )

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536].encode()

    # Without a length in the header, too.
    problem(stack.http.post(f"/api/v1/events/{system}", content=chunks(), headers=json_headers), 413)


def test_a_token_has_a_rate(stack: Stack, headers: dict[str, str], source: tuple[str, str]) -> None:
    system, table = source
    for part in range(2):
        batch = [event(f"rate-{part}-{n}", table) for n in range(1000)]
        assert stack.http.post(f"/api/v1/events/{system}", json=batch, headers=headers).status_code == 202
    answer = stack.http.post(f"/api/v1/events/{system}", json=event("one-more", table), headers=headers)
    assert "2000 events a minute" in problem(answer, 429)
    assert int(answer.headers["retry-after"]) >= 1
    clock = stack.clock
    assert isinstance(clock, FixedClock)
    clock.advance(timedelta(seconds=int(answer.headers["retry-after"])))
    answer = stack.http.post(f"/api/v1/events/{system}", json=event("one-more", table), headers=headers)
    assert answer.status_code == 202


def test_metrics_are_listed_with_their_state(stack: Stack) -> None:
    body = stack.http.get("/api/v1/metrics").json()
    assert body["total"] == 6
    states = {metric["metric"]: metric["state"] for metric in body["metrics"]}
    assert states["metric_order_gross_margin"] == "held"
    page = stack.http.get("/api/v1/metrics", params={"limit": 2, "offset": 1}).json()
    assert [one["metric"] for one in page["metrics"]] == [one["metric"] for one in body["metrics"]][1:3]
    assert stack.http.get("/api/v1/metrics", params={"state": "held"}).json()["total"] == 1
    assert stack.http.get("/api/v1/metrics", params={"domain": "delivery"}).json()["total"] == 2
    problem(stack.http.get("/api/v1/metrics", params={"limit": 0}), 422)


def test_one_metric_has_its_months_and_most_important_subjects(stack: Stack) -> None:
    body = stack.http.get(f"/api/v1/metrics/{METRIC}").json()
    assert body["metric"]["numerator"] == "276.300000"
    assert [period["period_start"] for period in body["periods"]] == ["2026-08-01", "2026-09-01", "2026-10-01"]
    assert len(body["subjects"]) == 50
    assert body["subjects"][0]["subject_id"] == "V-0059"
    assert "no metric 'metric_x'" in problem(stack.http.get("/api/v1/metrics/metric_x"), 404)


def test_cases_are_listed_and_shown_with_their_log(stack: Stack) -> None:
    case_id = stack.open_case("V-0100", "Listed supplier")
    listed = stack.http.get("/api/v1/cases", params={"status": "open", "template": "supply_exception"}).json()
    assert case_id in [case["case_id"] for case in listed["cases"]]
    body = stack.http.get(f"/api/v1/cases/{case_id}").json()
    assert body["case"]["subject_label"] == "Listed supplier"
    assert [task["assignee_name"] for task in body["tasks"]] == ["Li Na"]
    assert body["events"][0]["type"] == "CaseOpened"
    assert stack.http.get("/api/v1/cases", params={"status": "closed"}).json()["total"] == 0
    problem(stack.http.get("/api/v1/cases/C-999999"), 404)


def test_pages_of_cases_count_all_and_read_their_own(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = [stack.open_case_undelivered(f"V-03{number}", "Paged supplier") for number in range(3)][::-1]
    asked: list[int] = []
    look = ProcessService.cases

    def noted(service: ProcessService, *of: Any, **more: Any) -> Any:
        asked.append(more["limit"])
        return look(service, *of, **more)

    monkeypatch.setattr(ProcessService, "cases", noted)
    pages = [stack.http.get("/api/v1/cases", params={"limit": 1, "offset": offset}).json() for offset in range(3)]
    assert [page["cases"][0]["case_id"] for page in pages] == newest
    assert {page["total"] for page in pages} == {stack.context.service.count_cases()}
    assert asked == [1, 1, 1], "no page reads more than it shows"


@pytest.mark.parametrize("path", ["/", "/api/v1/metrics", "/api/v1/cases", "/part/status"])
def test_reading_by_another_name_of_this_machine_needs_a_token(stack: Stack, path: str) -> None:
    foreign = {"Host": "trueloop.example"}
    problem(stack.http.get(path, headers=foreign), 401)
    reader = create_token(stack.context.engine, name="reader", scopes=[READ], clock=stack.clock)
    allowed = stack.http.get(path, headers=foreign | {"Authorization": f"Bearer {reader.text}"})
    assert allowed.status_code == 200


def test_unknown_addresses_and_methods_are_problems(stack: Stack) -> None:
    assert "/docs" in problem(stack.http.get("/api/v1/nothing"), 404)
    assert "/docs" in problem(stack.http.put("/api/v1/metrics"), 405)


def test_an_unexpected_failure_is_a_problem_without_its_inside(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(stack.context.service, "cases", broken)
    answer = stack.http.get("/api/v1/cases")
    assert "log says what" in problem(answer, 500)
    assert "secret" not in answer.text


def test_dbt_docs_come_with_the_first_refresh_and_nothing_else_is_served(stack: Stack) -> None:
    problem(stack.http.get("/dbt/"), 404)
    folder = stack.settings.dbt_docs_dir
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("<h1>models</h1>")
    (folder / "manifest.json").write_text("{}")
    (folder.parent / "secret.txt").write_text("secret")
    assert stack.http.get("/dbt", follow_redirects=True).text == "<h1>models</h1>"
    assert stack.http.get("/dbt/manifest.json").headers["content-type"] == "application/json"
    for path in ("/dbt/../secret.txt", "/dbt/%2e%2e/secret.txt", "/dbt/..%2fsecret.txt"):
        assert stack.http.get(path).status_code == 404


def test_before_the_first_publication_metrics_say_so(tmp_path: Path, clock: FixedClock) -> None:
    with running_stack(tmp_path / "home", clock, published=False) as empty:
        assert "trueloop refresh" in problem(empty.http.get("/api/v1/metrics"), 503)
        home = empty.http.get("/")
        assert (home.status_code, "Nothing was published yet" in home.text) == (200, True)
