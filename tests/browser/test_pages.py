"""The pages about metrics in a real browser: search, language, charts, slots, the board that renews itself, phones."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import duckdb
import pytest
from playwright.sync_api import Browser, Page, expect

from gateway.tokens import READ, create_token
from resources.clock import FixedClock
from tests.browser.conftest import Picture
from tests.gateway_stack import Stack, running_stack
from tests.platform_world import PlatformWorld, copied_world, loaded_home, published_home

MARGIN = "metric_order_gross_margin"
PICTURED_SEED = 7
SHOWN = ("/", "/metrics", f"/metrics/{MARGIN}", "/board")
# What a reader with assistive technology stumbles over; each line says what and where.
OBSTACLES = """() => {
  const found = [];
  const said = (one) => (one.getAttribute("aria-label") || one.textContent || "").trim();
  if (!document.documentElement.lang) found.push("no language");
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  if (document.querySelectorAll("main").length !== 1) found.push("not one main");
  const note = (what, one) => found.push(what + " " + one.outerHTML.slice(0, 80));
  for (const one of document.querySelectorAll("a[href], button")) if (!said(one)) note("nameless", one);
  for (const one of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!one.labels?.length && !one.getAttribute("aria-label")) note("no label", one);
  for (const one of document.querySelectorAll("img:not([alt])")) note("no alt", one);
  for (const one of document.querySelectorAll("[role=img], [role=group]"))
    if (!one.getAttribute("aria-label")) note("unnamed", one);
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id).filter((id) => !id.startsWith("arrow"));
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push("twice: #" + id);
  let level = 0;
  for (const one of document.querySelectorAll("h1, h2, h3, h4")) {
    const next = Number(one.tagName[1]);
    if (next > level + 1) found.push("heading skips to " + one.outerHTML.slice(0, 60));
    level = next;
  }
  return found;
}"""
SMALL_TARGETS = """() => [...document.querySelectorAll(
    "header a, .tile, .metrics a, .search input, .places a, summary, .links a")]
  .filter((one) => one.offsetParent && one.getBoundingClientRect().height < (one.closest("header") ? 44 : 24))
  .map((one) => one.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest, pytestconfig: pytest.Config
) -> Iterator[Stack]:
    """A gateway on the published sample company; for pictures with a whole year, so that every chart is full."""
    home = tmp_path_factory.mktemp("company") / "home"
    if pytestconfig.getoption("--pictures"):
        loaded = tmp_path_factory.mktemp("year") / "home"
        landed = loaded_home(loaded, request.getfixturevalue("empty_home"), PICTURED_SEED, days=365)
        published_home(home, loaded, landed)
        world = PlatformWorld(home)
    else:
        world = copied_world(home, request.getfixturevalue("published").home)
    clock = FixedClock(world.clock.now() + timedelta(minutes=5))
    world.close()
    with running_stack(home, clock, published=False) as running:
        yield running


def publish_again(stack: Stack, metric: str, value_text: str) -> str:
    """A publication in which one figure changed; returns its id."""
    store = stack.context.snapshots
    newest = store.list()[0]
    info = replace(newest, id=f"{newest.id}x", sequence=newest.sequence + 1)
    built = store.root / "again.building"
    shutil.copyfile(store.path_of(newest.id), built)
    with duckdb.connect(str(built)) as db:
        db.execute("update metrics set value_text = ? where metric = ?", [value_text, metric])
    store.commit(info, built)
    store.switch(info.id)
    return info.id


def row_of(stack: Stack, metric: str) -> dict[str, object]:
    snapshot = stack.context.published()
    return snapshot.rows("select * from metrics where metric = ?", [metric])[0]


def shown_rows(page: Page) -> list[str]:
    return [str(one.get_attribute("data-metric")) for one in page.locator("tr[data-metric]").all()]


def test_metrics_are_found_as_one_types(page: Page, stack: Stack, picture: Picture) -> None:
    page.goto(f"{stack.settings.gateway_url}/metrics")
    everything = page.locator("tr[data-metric]").count()
    assert everything == len(stack.context.published().rows("select 1 from metrics"))
    picture(page, "metrics")
    box = page.get_by_role("searchbox")
    box.press_sequentially("gross margn")
    expect(page.get_by_role("status")).to_contain_text("found")
    expect(page.locator("tr[data-metric]").first).to_have_attribute("data-metric", MARGIN)
    assert len(shown_rows(page)) < everything
    expect(box).to_be_focused()
    box.fill("毛利")
    expect(page.get_by_role("status")).to_contain_text("found")
    expect(page.locator("tr[data-metric]").first).to_have_attribute("data-metric", re.compile("gross_margin"))
    box.fill("zzzzqqq")
    expect(page.get_by_role("status")).to_contain_text("Nothing found")
    box.fill("")
    expect(page.locator("tr[data-metric]")).to_have_count(everything)


def test_chinese_stays_from_page_to_page(page: Page, stack: Stack, picture: Picture) -> None:
    page.goto(f"{stack.settings.gateway_url}/metrics")
    page.get_by_role("link", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.get_by_role("searchbox").fill("供应商")
    expect(page.locator("tr[data-metric]").first).to_contain_text("供应商")
    picture(page, "metrics-chinese")
    page.get_by_role("link", name="看板").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("经营看板")
    expect(page.locator(".tile").first).to_contain_text("目标")
    picture(page, "board-chinese")
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Business board")


def test_a_metric_page_says_what_it_is_who_answers_and_how_it_stands(
    page: Page, stack: Stack, picture: Picture
) -> None:
    row = row_of(stack, MARGIN)
    page.goto(f"{stack.settings.gateway_url}/metrics/{MARGIN}")
    body = page.locator("main")
    for words in (
        "Definition",
        "Formula",
        "Finest grain",
        "Security class",
        "Accountable",
        "Finance manager",
        "Checks",
    ):
        assert words == "Definition" or words in body.inner_text(), words
    expect(page.locator(".hero-figure strong")).to_have_text(f"{row['value_text']} %")
    months = stack.context.published().rows(
        "select value_text from metric_period where metric = ? and grain = 'month' order by period_start", [MARGIN]
    )
    chart = page.locator("[data-chart=trend]")
    expect(chart.locator("svg")).to_be_visible()
    expect(chart).to_have_attribute("aria-label", re.compile("by month"))
    page.locator(".chart").filter(has=chart).locator("summary").click()
    table = page.locator(".chart").filter(has=chart).locator("tr .number")
    assert [one.inner_text() for one in table.all()][: len(months)] == [f"{one['value_text']} %" for one in months]
    expect(page.locator("[data-chart=bars] svg").first).to_be_visible()
    # Each part is there, or says in a sentence that it is not.
    for slot in ("trust", "movement", "claims", "lineage", "changes"):
        part = page.locator(f"#{slot} .slot")
        expect(part).not_to_contain_text("Loading …")
        assert part.inner_text().strip(), slot
        assert "could not be loaded" not in part.inner_text(), slot
    page.locator(".chart").filter(has=chart).locator("summary").click()
    page.evaluate("window.scrollTo(0, 0)")
    picture(page, "metric")


def test_a_part_that_fails_leaves_the_page_whole(chromium: Browser, stack: Stack) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        page.route("**/part/trust*", lambda route: route.fulfill(status=500, body="{}"))
        page.route("**/part/lineage*", lambda route: route.abort())
        page.goto(f"{stack.settings.gateway_url}/metrics/{MARGIN}")
        for slot in ("trust", "lineage"):
            expect(page.locator(f"#{slot} [role=alert]")).to_contain_text("could not be loaded")
        expect(page.locator("[data-chart=trend] svg")).to_be_visible()


def test_each_tile_of_the_board_opens_its_metric(page: Page, stack: Stack, picture: Picture) -> None:
    page.goto(f"{stack.settings.gateway_url}/board")
    names = [str(one.get_attribute("href")) for one in page.locator(".tile").all()]
    assert len(names) >= 5
    assert len(set(names)) == len(names)
    picture(page, "board")
    tile = page.locator(f"#tile-{MARGIN}")
    for words in ("Target", "Finance manager", str(row_of(stack, MARGIN)["value_text"])):
        expect(tile).to_contain_text(words)
    tile.click()
    expect(page).to_have_url(re.compile(f"/metrics/{MARGIN}$"))


def test_the_board_renews_itself_without_a_reload(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.settings.gateway_url}/board")
    before = page.locator("#board").get_attribute("data-snapshot")
    page.evaluate("window.kept = true")
    page.locator(f"#tile-{MARGIN}").focus()
    after = publish_again(stack, MARGIN, "77.77")
    try:
        expect(page.locator("#board")).to_have_attribute("data-snapshot", after)
        expect(page.locator(f"#tile-{MARGIN} .value")).to_have_text("77.77 %")
        expect(page.locator(f"#tile-{MARGIN}")).to_be_focused()
        assert page.evaluate("window.kept") is True
        assert after != before
    finally:
        stack.context.snapshots.switch(str(before))


def test_a_metric_page_says_that_newer_figures_are_there(page: Page, stack: Stack) -> None:
    current = stack.context.published().id
    page.goto(f"{stack.settings.gateway_url}/metrics/{MARGIN}")
    expect(page.locator(".newer")).to_have_count(0)
    publish_again(stack, MARGIN, "66.66")
    try:
        expect(page.locator(".newer")).to_contain_text("Newer figures")
        expect(page.locator(".hero-figure strong")).not_to_have_text("66.66 %")
        page.get_by_role("link", name="Show them").click()
        expect(page.locator(".hero-figure strong")).to_have_text("66.66 %")
    finally:
        stack.context.snapshots.switch(current)


def test_the_board_turns_stale_by_the_clock_alone(page: Page, stack: Stack) -> None:
    assert isinstance(stack.clock, FixedClock)
    page.goto(f"{stack.settings.gateway_url}/board")
    expect(page.locator(".tile.stale")).to_have_count(0)
    stack.clock.advance(timedelta(days=60))
    try:
        expect(page.locator(".tile.stale").first).to_be_visible()
    finally:
        stack.clock.advance(timedelta(days=-60))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_pages_fit_a_phone(phone: Page, stack: Stack, picture: Picture, language: str) -> None:
    for address in SHOWN:
        phone.goto(f"{stack.settings.gateway_url}{address}?lang={language}")
        phone.wait_for_load_state("networkidle")
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390, address
        assert phone.evaluate(SMALL_TARGETS) == [], address
        if address in {"/board", f"/metrics/{MARGIN}"} and language == "zh":
            picture(phone, "board-phone" if address == "/board" else "metric-phone")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_pages_have_no_obstacles(page: Page, stack: Stack, language: str) -> None:
    for address in SHOWN:
        page.goto(f"{stack.settings.gateway_url}{address}?lang={language}")
        page.wait_for_load_state("networkidle")
        assert page.evaluate(OBSTACLES) == [], address


def test_pages_load_nothing_from_elsewhere_and_work_in_the_dark(page: Page, stack: Stack, picture: Picture) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.emulate_media(color_scheme="dark")
    for address in SHOWN:
        page.goto(f"{stack.settings.gateway_url}{address}")
        page.wait_for_load_state("networkidle")
    picture(page, "board-dark")
    assert asked
    assert [one for one in asked if not one.startswith(stack.settings.gateway_url)] == []


def test_the_keyboard_reaches_the_content_past_the_navigation(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.settings.gateway_url}/board")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_figures_above_the_readers_class_are_nowhere(stack: Stack) -> None:
    """Margins are confidential, reject rates are not; customers are named to nobody who may not know them."""
    made = create_token(stack.context.engine, name="kiosk", scopes=[READ], clock=stack.clock, reader_role="employee")
    headers = {"authorization": f"Bearer {made.text}"}
    margin = str(row_of(stack, MARGIN)["value_text"])
    open_to_all = str(row_of(stack, "metric_supplier_reject_rate")["value_text"])
    for address in ("/", "/metrics", "/metrics?q=margin", f"/metrics/{MARGIN}", "/board"):
        assert f"{margin} %" in stack.http.get(address).text, address
        hidden = stack.http.get(address, headers=headers).text
        assert margin not in hidden, address
        assert "is confidential" in hidden, address
    assert f"{open_to_all} %" in stack.http.get("/board", headers=headers).text
    months = stack.context.published().rows("select value_text from metric_period where metric = ?", [MARGIN])
    page = stack.http.get(f"/metrics/{MARGIN}", headers=headers).text
    assert months
    assert [one["value_text"] for one in months if f">{one['value_text']} %<" in page] == []
    assert "data-chart" not in page
