"""The analysis of a process on a real publication: its figures are the metrics', and the page in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from gateway.tokens import READ, create_token
from ops_assets.landing import land
from ops_assets.refresh import audit_and_publish, build, load_definitions
from resources.clock import FixedClock
from tests.analysis_world import TEMPLATE, analysed_home
from tests.browser.conftest import Picture
from tests.browser.test_case_pages import fits
from tests.browser.test_pages import OBSTACLES
from tests.gateway_stack import Stack, running_stack, wait_until
from tests.platform_world import LAST_MINUTE, PublishedHome
from workflow_jobs.history import export_history

ROWS = "metric_step_cycle_time"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, published: PublishedHome) -> Iterator[Stack]:
    home = analysed_home(tmp_path_factory.mktemp("analysed") / "home", published.home)
    with running_stack(home, FixedClock(LAST_MINUTE + timedelta(minutes=5)), published=False) as running:
        yield running


def shown(stack: Stack, query: str = "", **headers: str) -> str:
    answer = stack.http.get(f"/cases/analysis{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


def graph_of(page_text: str) -> dict[str, Any]:
    found = re.search(r'id="flow-data">(.*?)</script>', page_text, re.DOTALL)
    assert found is not None
    graph: dict[str, Any] = json.loads(found[1])
    return graph


def window(stack: Stack, days: int = 90, back: int = 0) -> str:
    (row,) = stack.context.published().rows("select as_of from metrics where metric = ?", [ROWS])
    last = row["as_of"] - timedelta(days=back)
    return f"event_date between date '{last - timedelta(days=days - 1)}' and date '{last}'"


def test_every_count_is_that_of_the_published_rows(stack: Stack) -> None:
    text = shown(stack)
    (rows,) = stack.context.published().rows(
        f"select count(*) as visits, count(distinct case_id) as cases from {ROWS} where {window(stack)}"
    )
    graph = graph_of(text)
    done = [int(node["kind"].split(" ")[0]) for node in graph["nodes"]]
    assert (sum(done), graph["cases"]) == (rows["visits"], rows["cases"])
    followed = [int(said["label"].split(" ")[0]) for _, _, said in graph["edges"]]
    assert sum(followed) == rows["visits"] - rows["cases"]
    back = [edge[:2] for edge in graph["edges"] if edge[2]["back"]]
    assert back == [["check", "make"]]


def test_figures_are_the_metrics_own_and_dated(stack: Stack) -> None:
    snapshot = stack.context.published()
    text = shown(stack)
    assert snapshot.id in text
    for metric in ("metric_case_cycle_time", "metric_sla_attainment", "metric_case_return_rate"):
        (row,) = snapshot.rows("select value_text from metrics where metric = ?", [metric])
        line = re.search(rf'data-metric="{metric}".*?</tr>', text, re.DOTALL)
        assert line is not None and f"<strong>{row['value_text']}" in line[0], metric
    assert "no rows in the period" in text, "ratings: nobody rated"


def test_percentiles_are_those_of_the_database(stack: Stack) -> None:
    rows = stack.context.published().rows(
        "select quantile_cont(cast(numerator as double), [0.5, 0.8, 0.95]) as shares"
        f" from {ROWS} where step_id = 'check' and {window(stack)}"
    )
    line = re.search(r'data-step-time="Check the sample".*?</tr>', shown(stack), re.DOTALL)
    assert line is not None

    def minutes(words: str) -> int:
        scale = {"d": 450, "h": 60, "min": 1}
        return sum(int(number) * scale[unit] for number, unit in re.findall(r"(\d+) (d|h|min)", words))

    cells = re.findall(r'data-label="p\d+">([^<]+)', line[0])
    assert len(cells) == 3
    for cell, expected in zip(cells, rows[0]["shares"], strict=True):
        # Two largest units are shown, so hours stand for up to an hour less.
        assert 0 <= round(expected) - minutes(cell) < 60 or minutes(cell) == round(expected)


def test_the_period_before_is_shown_beside_it(stack: Stack) -> None:
    text = shown(stack, "?period=30")
    (now,) = stack.context.published().rows(
        f"select sum(numerator) as missed, sum(denominator) as tasks from metric_missed_approvals"
        f" where {window(stack, 90, 90)}"
    )
    assert now["missed"] > 0, "the older half was slow"
    assert "of the time it waited" in text
    assert re.search(r"before \d", text)
    wider = shown(stack, "?period=180")
    assert graph_of(wider)["cases"] > graph_of(text)["cases"]


def before_of(text: str, step: str, column: str) -> list[str]:
    """The words under a step's figure of a column that say what it was before."""
    line = re.search(rf'data-step-time="{step}".*?</tr>', text, re.DOTALL)
    assert line is not None
    return re.findall(rf'data-label="{column}">[^<]* <small class="quiet">before ([^<]+)</small>', line[0])


def test_counts_times_loops_and_the_map_have_the_period_before(stack: Stack) -> None:
    text, rows = shown(stack), stack.context.published().rows
    steps = rows(
        "select step_id, count(*) as visits, count(*) filter (where again <> '') as again"
        f" from {ROWS} where {window(stack, 90, 90)} group by step_id"
    )
    was = {row["step_id"]: row for row in steps}
    assert before_of(text, "Check the sample", "Done") == [str(was["check"]["visits"])]
    assert before_of(text, "Check the sample", "Done again") == [str(was["check"]["again"])]
    assert before_of(text, "Check the sample", "Waited")
    assert before_of(text, "Check the sample", "In hand")

    earlier = graph_of(shown(stack, "?map=before"))
    cases = rows(f"select count(distinct case_id) as cases from {ROWS} where {window(stack, 90, 90)}")[0]["cases"]
    assert earlier["cases"] == cases
    counts = {(one, to): int(said["label"].split(" ")[0]) for one, to, said in earlier["edges"]}
    assert sum(counts.values()) == sum(row["visits"] for row in steps) - cases
    for one, to, said in graph_of(text)["edges"]:
        assert f"(before {counts.get((one, to), 0)})" in said["label"]
    for node in graph_of(text)["nodes"]:
        assert f"(before {was[node['id']]['visits']})" in node["kind"]
    assert [node["id"] for node in earlier["nodes"]] == ["make", "check", "release"], "in the order of the process"

    (loop,) = re.findall(r"<li data-loop>.*?</li>", text)
    returns, before = (
        rows(f"select count(*) as count from {ROWS} where is_sent_back and {window(stack, 90, back)}")[0]["count"]
        for back in (0, 90)
    )
    assert f"{returns} times" in loop and "1 of them under way" in loop
    assert f"before {before}, in " in loop, "also where the step that is done again ended in the period after"


def test_departments_narrow_what_knows_departments(stack: Stack) -> None:
    everything = shown(stack)
    departments = re.findall(r'<option value="([^"]+)"', everything.split('name="department"')[1].split("</select>")[0])
    assert departments
    text = shown(stack, f"?department={departments[0]}")
    assert "all departments" in text, "cases belong to no department"
    assert "The map shows whole cases" in text
    assert text.count("data-step-time=") < everything.count("data-step-time=")
    assert graph_of(text) == graph_of(everything)


def test_wrong_words_are_refused_with_what_would_do(stack: Stack) -> None:
    assert stack.http.get("/cases/analysis?period=31").status_code == 422
    unknown = stack.http.get("/cases/analysis?template=nothing")
    assert (unknown.status_code, TEMPLATE in unknown.text) == (404, True)
    assert stack.http.get("/cases/analysis?department=Nowhere").status_code == 404


def test_a_reader_who_sees_single_departments_sees_their_steps_only(stack: Stack) -> None:
    context = stack.context
    rules = replace(context.access.roles["analyst"], rows="own_departments")
    policy = replace(context.access, roles={**context.access.roles, "analyst": rules})
    stack.app.state.context = replace(context, access=policy)
    made = create_token(
        context.engine, name="own", scopes=[READ], clock=context.clock, reader_role="analyst", departments=["D02"]
    )
    try:
        answer = stack.http.get("/cases/analysis", headers={"authorization": f"Bearer {made.text}"})
    finally:
        stack.app.state.context = context
    assert re.findall(r'data-step-time="([^"]+)"', answer.text) == ["Check the sample"]
    assert "Only steps of your departments are counted." in answer.text


def test_a_snapshot_without_steps_says_so(stack: Stack) -> None:
    context = stack.context
    (empty,) = [context.snapshots.get(one.id) for one in context.snapshots.list()][-1:]
    assert empty.rows(f"select 1 from metrics where metric = '{ROWS}' and \"rows\" = 0"), "the first had none"
    current = context.snapshots.current()
    assert current is not None
    context.snapshots.switch(empty.id)
    try:
        assert "There are figures after the first refresh" in shown(stack)
    finally:
        context.snapshots.switch(current.id)


def test_the_page_is_drawn_in_both_languages(page: Page, stack: Stack, picture: Picture) -> None:
    page.goto(f"{stack.settings.gateway_url}/cases")
    page.get_by_role("link", name="Process analysis").click()
    expect(page.locator(".graph svg .node")).to_have_count(3)
    expect(page.locator(".graph svg .said")).to_have_count(3)
    lefts = page.locator(".graph svg .node").evaluate_all("all => all.map(one => Number(one.dataset.x))")
    assert lefts == sorted(lefts), "from the first step to the last"
    assert page.locator("#map details").count() == 1
    assert page.locator(".graph svg .edge.back").count() == 1
    assert page.evaluate(OBSTACLES) == []
    assert fits(page)
    picture(page, "analysis")
    page.get_by_role("heading", name="Time by step").evaluate("one => one.scrollIntoView()")
    picture(page, "analysis-map")
    page.get_by_role("navigation", name="Drawn of").get_by_role("link", name="Before").click()
    expect(page).to_have_url(re.compile("map=before"))
    expect(page.locator(".graph svg .node")).to_have_count(3)
    page.get_by_label("Period").select_option("180")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("period=180"))
    page.goto(f"{stack.settings.gateway_url}/cases/analysis?lang=zh")
    expect(page.locator("h1")).to_have_text("流程分析")
    expect(page.locator("main")).to_contain_text("检验样品")


def test_the_page_fits_a_phone(phone: Page, stack: Stack, picture: Picture) -> None:
    phone.goto(f"{stack.settings.gateway_url}/cases/analysis")
    expect(phone.locator(".graph svg .node")).to_have_count(3)
    assert fits(phone)
    picture(phone, "analysis-phone")


@dataclass
class Hands:
    """People who answer their cards on the embedded Slack's page."""

    page: Page
    stack: Stack
    case_id: str

    def answer(self, step: str, button: str, **entries: str) -> None:
        """Who is asked presses the button and sends the form; fields are named by how their titles begin."""
        context, page = self.stack.context, self.page
        task = self.stack.open_task(self.case_id, step)
        person = context.directory().name(task.assignee)
        assert isinstance(self.stack.clock, FixedClock)
        self.stack.clock.advance(timedelta(minutes=25))
        self.stack.deliver()
        page.goto(f"{self.stack.settings.gateway_url}/embedded-slack/?as={self.stack.user(task.assignee)}")
        card = page.locator(".message", has_text=self.case_id).filter(
            has=page.get_by_role("button", name=button, exact=True)
        )
        expect(card.first, f"{person} has a card").to_be_visible()
        card.first.get_by_role("button", name=button, exact=True).click()
        dialog = page.get_by_role("dialog")
        for title, value in entries.items():
            field = dialog.get_by_label(re.compile(f"^{title.replace('_', ' ')}"))
            if field.evaluate("one => one.tagName") == "SELECT":
                field.select_option(label=value)
            else:
                field.fill(value)
        if entries:
            dialog.get_by_role("button", name="Submit").click()
        expect(dialog).to_be_hidden()
        wait_until(lambda: context.service.task(task.task_id).decided_at is not None)


def test_a_whole_case_from_the_card_to_the_analysis(page: Page, stack: Stack, picture: Picture) -> None:
    """Card, form, board, case page, closing, rating; then a refresh, and the case is in the analysis of its process."""
    context, address = stack.context, stack.settings.gateway_url
    assert isinstance(stack.clock, FixedClock)
    stack.clock.advance(timedelta(days=1, hours=9, minutes=30))
    case_id = stack.open_case("V000101", "Huaxin Castings")
    hands = Hands(page, stack, case_id)
    hands.answer("judge", "Confirm", Amount_at_stake="42000.50", Cause="Supplier's quality")

    page.goto(f"{address}/cases?template=supply_exception")
    for step in ("supplier", "protect"):
        expect(page.locator(f'[data-step="supply_exception:{step}"] [data-case="{case_id}"]')).to_be_visible()
    page.locator(f'[data-step="supply_exception:supplier"] [data-case="{case_id}"]').click()
    # Two steps, and the join that waits for both branches.
    expect(page.locator(".graph svg .current")).to_have_count(3)
    expect(page.locator("h1")).to_contain_text("Huaxin Castings")

    hands.answer("supplier", "Agreed with supplier", New_delivery_date="2026-12-01", Measure_agreed="Harder tools")
    hands.answer("protect", "Orders are covered", Orders_that_stay_at_risk="0")
    (job,) = [one for one in context.service.due_service_steps() if one.case_id == case_id]
    context.service.complete_service(case_id, job.step_id, "run-1", {"moves": []}, idempotency_key=job.idempotency_key)
    hands.answer("assess", "Approve the cost", Cost_of_the_measures="1200", Borne_by="Supplier")
    hands.answer("promise", "Old promise holds", What_the_customer_was_told="All arrives as promised.")
    state = context.service.case(case_id)
    assert state.status == "watching_effect"
    context.service.rate_case(case_id, next(iter(state.tasks.values())).decided_by or "", 5, "Quick and clear")

    page.goto(f"{address}/cases/{case_id}")
    expect(page.locator(".graph svg .overdue")).to_have_count(0)
    expect(page.locator("main")).to_contain_text("Harder tools")
    expect(page.locator("[data-rating]")).to_contain_text("5.0 of 5")
    expect(page.locator(".timeline").first).to_contain_text("Closed")
    assert page.evaluate(OBSTACLES) == []
    picture(page, "whole-case")

    platform = context.platform
    export_history(platform, context.service)
    definitions = load_definitions(platform)
    land(platform)
    build(platform, definitions)
    audit_and_publish(platform, definitions)
    page.goto(f"{address}/cases/analysis?template=supply_exception&period=30")
    expect(page.locator("[data-step-time]")).to_have_count(6)
    expect(page.locator('[data-step-time="Judge the exception"]')).to_contain_text("25 min")
    expect(page.locator(".graph svg .node")).to_have_count(6)
    expect(page.locator('[data-metric="metric_case_rating"]')).to_contain_text("5.00")
    picture(page, "whole-case-analysis")
