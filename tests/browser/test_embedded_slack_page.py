"""A person decides a supply exception on the embedded Slack's page, in a real browser, against the real gateway."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Picture
from tests.gateway_stack import Stack, wait_until


def choose(page: Page, stack: Stack, name: str) -> None:
    page.goto(f"{stack.settings.gateway_url}/embedded-slack/")
    page.get_by_placeholder("Search by name").fill(name)
    page.locator("#people a", has_text=name).first.click()
    expect(page.locator(".picker summary")).to_contain_text(name)


def test_quality_confirms_an_exception_and_the_case_moves_on(page: Page, stack: Stack, picture: Picture) -> None:
    case_id = stack.open_case()
    choose(page, stack, "Li Na")
    card = page.locator(".message", has_text="Huaxin Castings").first
    expect(card).to_contain_text("9.3100 %")
    picture(page, "embedded-slack-card")

    card.get_by_role("button", name="Confirm").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_label(re.compile("Amount at stake")).fill("42000.50")
    picture(page, "embedded-slack-form")
    dialog.get_by_role("button", name="Submit").click()
    # The cause is required for this outcome: the form stays, keeps what was typed and says what is missing.
    expect(dialog.locator(".error")).to_contain_text("Please complete this required field.")
    expect(dialog.get_by_label(re.compile("Amount at stake"))).to_have_value("42000.50")
    assert stack.open_task(case_id, "judge").status == "open"

    dialog.get_by_label("Cause").select_option(label="Supplier's quality")
    dialog.get_by_role("button", name="Submit").click()
    expect(dialog).to_be_hidden()
    wait_until(lambda: {task.step_id for task in stack.context.service.tasks(case_id=case_id)} >= {"supplier"})
    expect(card).to_contain_text("Confirm")
    expect(card).to_contain_text("by Li Na")
    expect(card.get_by_role("button", name="Confirm")).to_have_count(0)
    picture(page, "embedded-slack-decided")
    state = stack.context.service.case(case_id)
    assert state.data["impact_amount"] == "42000.50"
    assert state.tasks[next(iter(state.tasks))].decided_by == "E003"


def test_somebody_else_is_told_why_he_may_not_decide(page: Page, stack: Stack, picture: Picture) -> None:
    case_id = stack.open_case()
    card = stack.cards("E003")[0]
    channel = stack.workspace.conversations.find("supply")
    assert channel is not None
    stack.slack.chat_postMessage(channel=channel.id, text=card["text"], blocks=card["blocks"])
    page.goto(f"{stack.settings.gateway_url}/embedded-slack/?as={stack.user('E009')}&channel={channel.id}")
    page.get_by_role("button", name="Confirm").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(re.compile("Amount at stake")).fill("1")
    dialog.get_by_label("Cause").select_option(index=1)
    dialog.get_by_role("button", name="Submit").click()
    expect(dialog).to_contain_text("Nothing was decided")
    picture(page, "embedded-slack-refused")
    dialog.get_by_role("button", name="Close").last.click()
    expect(dialog).to_be_hidden()
    assert stack.open_task(case_id, "judge").status == "open"


def test_new_messages_appear_by_themselves_and_are_marked_unread(page: Page, stack: Stack) -> None:
    channel = stack.workspace.conversations.find("production")
    assert channel is not None
    choose(page, stack, "Li Na")
    entry = page.locator(".sidebar a", has_text="production")
    expect(entry).not_to_have_class(re.compile("unread"))
    stack.slack.chat_postMessage(channel=channel.id, text="Line 3 stands *still*")
    expect(entry.locator(".badge")).to_have_text("1")
    entry.click()
    expect(page.locator(".message .text strong", has_text="still")).to_be_visible()
    expect(page.locator(".sidebar a", has_text="production").locator(".badge")).to_have_count(0)


def test_people_write_and_reply_in_threads(page: Page, stack: Stack) -> None:
    choose(page, stack, "Zhang Wei")
    page.locator(".sidebar a", has_text="supply").click()
    page.get_by_placeholder("Message #supply").fill("Who knows <b>Huaxin</b>?")
    page.get_by_role("button", name="Send").click()
    message = page.locator(".message", has_text="Who knows <b>Huaxin</b>?")
    expect(message).to_be_visible()
    message.hover()
    message.get_by_role("link", name="Reply in thread").click()
    page.get_by_placeholder("Reply in the thread").fill("I do.")
    page.locator(".thread").get_by_role("button", name="Send").click()
    expect(page.locator("#thread .message", has_text="I do.")).to_be_visible()
    expect(page.locator("#messages .replies", has_text="1 reply")).to_be_visible()


def test_the_page_fits_a_phone(phone: Page, stack: Stack, picture: Picture) -> None:
    stack.open_case()
    choose(phone, stack, "Li Na")
    card = phone.locator(".message", has_text="Huaxin Castings").first
    expect(card.get_by_role("button", name="Confirm")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    picture(phone, "embedded-slack-phone")
    expect(phone.locator(".sidebar")).to_be_hidden()
    phone.locator(".menu").click()
    expect(phone.locator(".sidebar")).to_be_visible()
    picture(phone, "embedded-slack-phone-channels")
    phone.locator(".menu").click()
    card.get_by_role("button", name="Confirm").click()
    expect(phone.get_by_role("dialog")).to_be_visible()
    picture(phone, "embedded-slack-phone-form")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_home_page_shows_figures_cases_and_parts(page: Page, stack: Stack, picture: Picture, scheme: str) -> None:
    case_id = stack.open_case()
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(f"{stack.settings.gateway_url}/")
    expect(page.locator(".metrics")).to_contain_text("3.1238 %")
    expect(page.locator(".metrics")).to_contain_text("18,234,551 CNY")
    expect(page.locator(".parts li")).to_have_count(5)
    expect(page.locator("body")).to_contain_text(case_id)
    expect(page.locator("body")).to_contain_text("Li Na")
    picture(page, f"home-{scheme}")


def test_the_api_page_describes_every_operation(page: Page, stack: Stack, picture: Picture) -> None:
    page.goto(f"{stack.settings.gateway_url}/docs")
    expect(page.get_by_text("/api/v1/events/{source}").first).to_be_visible()
    picture(page, "api-docs")


def test_nothing_is_loaded_from_elsewhere(page: Page, stack: Stack, tmp_path: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    stack.open_case()
    choose(page, stack, "Li Na")
    page.goto(f"{stack.settings.gateway_url}/")
    page.goto(f"{stack.settings.gateway_url}/docs")
    page.wait_for_load_state("networkidle")
    assert asked
    assert [address for address in asked if not address.startswith(stack.settings.gateway_url)] == []
