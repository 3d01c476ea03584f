"""The explanation of a gap in a real browser: from the metric's page to the waterfall, its bars and their rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Picture
from tests.gateway_stack import Stack, running_stack
from tests.platform_world import PublishedHome, copied_world

MARGIN, STOCK = "metric_order_gross_margin", "metric_inventory_on_hand"
# The middle of a bar of the waterfall, in pixels of the page.
BAR = """(index) => {
  const box = document.querySelector('[data-chart="waterfall"]');
  const chart = echarts.getInstanceByDom(box), option = chart.getOption();
  const [base, bar] = option.series.map((one) => one.data[index]);
  const [x, y] = chart.convertToPixel({seriesIndex: 1}, [index, (base.value ?? base) + bar.value / 2]);
  const at = box.getBoundingClientRect();
  return [at.left + x, at.top + y];
}"""


@pytest.fixture(scope="module")
def truth(published: PublishedHome) -> dict[str, Any]:
    """What was planted: the disputed order and item."""
    disputes: dict[str, Any] = json.loads((published.home / "truth.json").read_text(encoding="utf-8"))["disputes"]
    return disputes


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, published: PublishedHome) -> Iterator[Stack]:
    """A gateway on the published sample company."""
    home = tmp_path_factory.mktemp("explained") / "home"
    world = copied_world(home, published.home)
    world.close()
    with running_stack(home, world.clock, published=False, database_url="") as running:
        yield running


def open_order(page: Page, stack: Stack, truth: dict[str, Any], **more: str) -> None:
    """The disputed order's explanation, once its chart is drawn."""
    asked = {"claim": "sales", "where": f"order_no={truth['order']['order_no']}", **more}
    query = "&".join(f"{key}={value.replace('=', '%3D')}" for key, value in asked.items())
    page.goto(f"{stack.settings.gateway_url}/metrics/{MARGIN}/explain?{query}")
    expect(page.locator(".plot.waterfall svg")).to_be_visible()


def test_from_the_metric_to_the_gap_to_the_rows_behind_a_bar(
    page: Page, stack: Stack, truth: dict[str, Any], picture: Picture
) -> None:
    page.goto(f"{stack.settings.gateway_url}/metrics/{MARGIN}")
    claims = page.locator("#claims")
    expect(claims.get_by_role("link", name="Sales bookings")).to_be_visible()
    claims.get_by_role("link", name="Sales bookings").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Why the figures differ")
    page.get_by_label("Only where").first.fill(f"order_no={truth['order']['order_no']}")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#gap")).to_have_text("−1.50 points")
    expect(page.locator("#check")).to_contain_text("add up to the gap exactly")
    expect(page.locator(".facts.gap")).to_contain_text("12.40 %")
    expect(page.locator(".facts.gap")).to_contain_text("10.90 %")
    expect(page.locator(".plot.waterfall svg")).to_be_visible()
    expect(page.locator(".plot.waterfall svg")).to_contain_text("−3.20833 points")
    page.set_viewport_size({"width": 1280, "height": 1330})
    page.wait_for_timeout(600)  # the bars' animation
    picture(page, "explanation")
    x, y = page.evaluate(BAR, 1)
    page.mouse.click(x, y)
    expect(page.get_by_role("heading", level=1)).to_have_text("Rows behind: Material cost differs")
    rows = page.locator("table.rows tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("415,000")
    picture(page, "explanation-rows")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    file = io.StringIO(download.value.path().read_text(encoding="utf-8-sig"))
    assert [row["numerator"] for row in csv.DictReader(file)] == ["-15000", "-13000", "-7000"]


def test_another_claim_and_period_are_one_choice_away(page: Page, stack: Stack, truth: dict[str, Any]) -> None:
    open_order(page, stack, truth)
    page.locator("select[name=against]").select_option("finance")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".facts.gap dt").first).to_have_text("Finance ledger")
    expect(page.locator("#gap")).to_have_text("−1.50 points")
    page.goto(f"{stack.settings.gateway_url}/metrics/{MARGIN}/explain?claim=finance")
    page.get_by_label("Period").select_option("2026-10")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".lead")).to_contain_text("2026-10")
    expect(page.locator("[data-part^='other_period']").first).to_be_visible()


def test_one_item_has_three_stock_figures_and_a_cause_for_each(
    page: Page, stack: Stack, truth: dict[str, Any], picture: Picture
) -> None:
    item = truth["item"]
    for claim, part in (("erp", "rule_differs.both.blocked"), ("finance", "rule_differs.both.returns")):
        page.goto(
            f"{stack.settings.gateway_url}/metrics/{STOCK}/explain?claim={claim}&where=item_id%3D{item['item_no']}"
        )
        expect(page.locator("#gap")).to_have_text(f"+{item[claim] - item['wms']}")
        expect(page.locator(f"[data-part='{part}']")).to_contain_text(str(item[claim] - item["wms"]))
    picture(page, "explanation-stock")


def test_in_chinese_on_a_phone_nothing_is_cut_off(
    phone: Page, stack: Stack, truth: dict[str, Any], picture: Picture
) -> None:
    open_order(phone, stack, truth, lang="zh")
    expect(phone.get_by_role("heading", level=1)).to_have_text("数据为何不一致")
    expect(phone.locator("#check")).to_contain_text("完全相等")
    expect(phone.locator("table.parts")).to_contain_text("材料成本不同")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    phone.wait_for_timeout(500)
    phone.locator(".plot.waterfall").scroll_into_view_if_needed()
    picture(phone, "explanation-phone")
    phone.locator("table.parts a").first.click()
    expect(phone.locator("table.rows tbody tr").first).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
