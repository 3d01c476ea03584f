"""The board of cases and the page of a case in a real browser: renewal, filters, drawing, phones, both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from resources.clock import FixedClock
from tests.browser.conftest import Picture
from tests.browser.test_pages import OBSTACLES
from tests.gateway_stack import Stack, running_stack
from tests.integration.test_case_page import decide, serve
from workflow_jobs.cases import OpenRequest

SUPPLIERS = ("Huaxin Castings", "Ningbo Bearings", "Suzhou Coating", "Wuxi Fasteners", "Taihu Plastics", "Jinan Steel")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Cases at every step of their way, some of them late; one has come to its end and worked."""
    clock = FixedClock(datetime(2026, 11, 16, 1, 30, tzinfo=UTC))
    with running_stack(tmp_path_factory.mktemp("cases") / "home", clock) as running:
        ways = [("judge", "supplier", "protect", "", "assess", "promise"), ("judge", "supplier"), ("judge",)]
        for number, way in enumerate(ways):
            case_id = running.open_case_undelivered(f"V-{number:04d}", SUPPLIERS[number])
            for step in way:
                clock.advance(timedelta(minutes=5))
                decide(running, case_id, step) if step else serve(running, case_id)
        clock.advance(timedelta(days=8))
        running.context.service.judge_effect("C-000001", "0.04", "20261116-000001")
        clock.advance(timedelta(hours=3))
        for number, label in enumerate(SUPPLIERS[3:], 3):
            running.open_case_undelivered(f"V-{number:04d}", label)
            clock.advance(timedelta(minutes=50))
        late = running.open_case_undelivered("V-0001", SUPPLIERS[1])
        assert late == "C-000002"
        while running.context.service.fire_due_rungs():
            pass
        running.deliver()
        yield running


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def test_the_board_shows_lights_and_renews_itself(page: Page, stack: Stack, picture: Picture) -> None:
    page.goto(f"{stack.settings.gateway_url}/cases")
    lane = page.locator('[data-step="supply_exception:judge"]')
    before = lane.locator("[data-case]").count()
    assert before == len(SUPPLIERS) - 3
    assert page.locator(".case-card.red").count() > 0
    assert page.evaluate(OBSTACLES) == []
    picture(page, "cases")
    case_id = stack.open_case_undelivered("V-0099", "Chengdu Castings")
    expect(lane.locator("[data-case]")).to_have_count(before + 1)
    decide(stack, case_id, "judge")
    expect(lane.locator("[data-case]")).to_have_count(before)


def test_filters_choose_and_a_card_opens_its_case(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.settings.gateway_url}/cases")
    page.get_by_label("Department").select_option("Purchasing")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("department=Purchasing"))
    expect(page.locator(".lane")).to_have_count(1)
    page.locator("[data-case]").first.click()
    expect(page.locator("h1")).to_contain_text("Supply exception")


def test_a_case_is_drawn_with_its_state(page: Page, stack: Stack, picture: Picture) -> None:
    page.goto(f"{stack.settings.gateway_url}/cases/C-000002")
    expect(page.locator(".graph svg .done").first).to_be_visible()
    assert page.locator(".graph svg .overdue").count() > 0
    assert page.locator(".graph svg .node").count() == 9
    assert page.evaluate(OBSTACLES) == []
    assert fits(page)
    picture(page, "case")
    page.goto(f"{stack.settings.gateway_url}/cases/C-000001?lang=zh")
    expect(page.locator(".graph svg .done")).to_have_count(9)
    expect(page.locator("#case")).to_contain_text("措施有效")
    picture(page, "case-chinese")


def asked_for(stack: Stack, label: str) -> str:
    """A case of a process with returns, decision tables and a wait; somebody asked for it."""
    data = {"order_no": label, "request_kind": "return", "claim_amount": "1000", "what_happened": "Box broken"}
    request = OpenRequest(
        template_id="after_sales", rule_id="asked", subject_label=label, requested_by="E010", data=data
    )
    return stack.context.service.open_case(request).case_id


def test_a_process_with_returns_is_drawn_from_its_start_and_can_be_seen_whole(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.settings.gateway_url}/cases/{asked_for(stack, 'SO-88')}")
    nodes = page.locator(".graph svg .node")
    expect(nodes.first).to_be_visible()
    lefts = [float(at) for at in nodes.evaluate_all("all => all.map(one => one.dataset.x)")]
    assert (lefts.index(min(lefts)), lefts.index(max(lefts))) == (0, len(lefts) - 1), "from the start to the end"
    box, whole = page.locator(".graph"), page.locator("[data-whole]")
    expect(box).to_have_class(re.compile("more-right"))
    whole.click()
    expect(whole).to_have_attribute("aria-pressed", "true")
    expect(box).not_to_have_class(re.compile("more-"))
    whole.click()
    expect(box).to_have_class(re.compile("more-right"))


def renew(page: Page, part: str) -> None:
    """Have the part ask at once whether it is still current, and wait until it is not."""
    asked = str(page.locator(part).get_attribute("hx-get"))
    page.evaluate("part => htmx.trigger(part, 'visible')", part)
    expect(page.locator(part)).not_to_have_attribute("hx-get", asked)


def test_a_renewed_page_leaves_people_where_they_were(page: Page, stack: Stack) -> None:
    """The focus stays on a card, an open fold stays open, and a drawing that is the same is not drawn again."""
    clock = stack.clock
    assert isinstance(clock, FixedClock)
    page.goto(f"{stack.settings.gateway_url}/cases")
    card = page.locator("[data-case]").nth(2)
    card.focus()
    clock.advance(timedelta(minutes=1))
    renew(page, "#cases")
    expect(card).to_be_focused()
    page.goto(f"{stack.settings.gateway_url}/cases/{asked_for(stack, 'SO-89')}")
    page.locator(".graph svg").evaluate("one => { one.dataset.same = 'yes' }")
    fold = page.locator("#case-messages summary")
    fold.click()
    clock.advance(timedelta(minutes=1))
    renew(page, "#case")
    expect(page.locator("#case-messages")).to_have_attribute("open", "")
    expect(fold).to_be_focused()
    expect(page.locator(".graph svg")).to_have_attribute("data-same", "yes")


def test_both_fit_a_phone(phone: Page, stack: Stack, picture: Picture) -> None:
    phone.goto(f"{stack.settings.gateway_url}/cases")
    assert fits(phone)
    picture(phone, "cases-phone")
    phone.goto(f"{stack.settings.gateway_url}/cases/C-000002")
    expect(phone.locator(".graph svg .done").first).to_be_visible()
    assert fits(phone)
    picture(phone, "case-phone")
    phone.goto(f"{stack.settings.gateway_url}/cases/{asked_for(stack, 'PO-2026-' + 5 * 'A1B2C3D4E5')}")
    assert fits(phone), "one long word"
