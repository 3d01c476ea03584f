"""The list of incidents in a real browser: in both languages, on a desk and on a phone, and current by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from resources.clock import SystemClock
from tests.browser.conftest import Picture
from tests.gateway_stack import Stack, running_stack
from workflow_jobs.incidents import RED_LINE_RULE, Finding, keep_incidents

FOUND = Finding(
    rule_id=RED_LINE_RULE,
    subject_id="fct_receipt_line",
    kind="asset",
    label="fct_receipt_line",
    owner_role="quality_engineer",
    failed=[("quantities_in_range", "4 % is above 1 %.")],
    symptoms=["metric_supplier_reject_rate"],
    held=[
        {
            "metric": "metric_supplier_reject_rate",
            "en": "Supplier reject rate",
            "zh": "供应商拒收率",
            "as_of": "2026-11-14",
        }
    ],
    affected_roles=["purchasing_manager"],
    sighting="first",
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("incidents") / "home", SystemClock()) as running:
        keep_incidents(running.context.service, [FOUND], {RED_LINE_RULE})
        yield running


@pytest.mark.parametrize(
    ("language", "heading", "held"), [("en", "Incidents", "Supplier reject rate"), ("zh", "数据事件", "供应商拒收率")]
)
def test_an_incident_says_what_failed_and_what_is_held(
    page: Page, phone: Page, stack: Stack, picture: Picture, language: str, heading: str, held: str
) -> None:
    address = f"{stack.settings.gateway_url}/incidents?lang={language}"
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    row = page.locator("tr[data-incident]")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("quantities_in_range")
    expect(row.get_by_role("link", name=held)).to_be_visible()
    picture(page, f"incidents-{language}")
    phone.goto(address)
    expect(phone.locator("tr[data-incident]")).to_have_count(1)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390


def test_an_incident_leads_to_its_case(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.settings.gateway_url}/incidents?lang=en")
    page.locator("tr[data-incident] a[href^='/cases/']").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("fct_receipt_line")
