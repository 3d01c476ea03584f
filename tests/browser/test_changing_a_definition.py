"""A definition changes in a browser: proposed, compared, approved in the embedded Slack, published, rolled back.

Programs read the metric over the API all the while: no request fails, and no answer mixes two versions.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from typer.testing import CliRunner

from gateway.cli import app
from gateway.commands import proposals as commands
from ops_assets.definition_change.proposals import Proposals
from tests.browser.conftest import Picture
from tests.definition_world import (
    METRIC,
    SQL,
    YML,
    changed_files,
    copied_checkout,
    people_with,
    run_service_steps,
    write_files,
)
from tests.gateway_stack import running_stack, wait_until
from tests.platform_world import PublishedHome, copied_world

REASON = "Small receipts are samples, not deliveries."


@dataclass
class Readers:
    """Threads that read the metric over the API without a pause; what each answer said, and what failed."""

    address: str
    answers: set[tuple[int, str, str]] = field(default_factory=set)
    snapshots: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    count: int = 0

    @contextmanager
    def polling(self) -> Iterator[None]:
        stop = threading.Event()

        def read() -> None:
            with httpx.Client(base_url=self.address, trust_env=False, timeout=20) as http:
                while not stop.wait(0.05):
                    try:
                        response = http.get(f"/api/v1/metrics/{METRIC}")
                        if response.status_code != 200:
                            self.failures.append(response.text)
                            continue
                        self._note(response.json())
                    except Exception as error:  # noqa: BLE001 - told by the test
                        self.failures.append(repr(error))

        threads = [threading.Thread(target=read) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def _note(self, body: dict[str, Any]) -> None:
        metric = body["metric"]
        months = repr([(period["period_start"], period["numerator"]) for period in body["periods"]])
        self.answers.add((metric["definition_version"], metric["numerator"], months))
        self.count += 1
        if body["snapshot_id"] not in self.snapshots:
            self.snapshots.append(body["snapshot_id"])


@pytest.fixture
def window(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(15_000)
    yield page
    context.close()


def test_a_change_goes_from_proposal_to_publication_and_back(
    window: Page, published: PublishedHome, tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = copied_checkout(tmp_path / "checkout")
    world = copied_world(tmp_path / "home", published.home, checkout=checkout)
    platform = world.platform
    monkeypatch.setattr(commands, "open_platform", lambda: platform)
    edited = tmp_path / "edited"
    write_files(edited, changed_files(checkout))
    engineer = people_with(platform, "data_steward")[0]
    owner = people_with(platform, "data_owner")[0]

    def command(*words: str) -> str:
        done = CliRunner().invoke(app, ["metrics", *words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    with running_stack(world.home, world.clock, published=False) as stack:
        readers = Readers(stack.settings.gateway_url)
        with readers.polling():
            said = command(
                "propose", METRIC, "--file", str(edited / SQL), "--file", str(edited / YML), "--reason", REASON,
                "--as", engineer["login"],
            )  # fmt: skip
            assert "received_quantity >= 100" in said
            assert _apart(lambda: run_service_steps(platform)) == 1
            stack.deliver()
            proposal = Proposals(platform.ops_engine).get("P-0001")
            figures = proposal.shadow["metrics"][METRIC]
            (approval,) = Proposals(platform.ops_engine).approvals("P-0001")
            (task,) = stack.context.service.tasks(case_id=approval.case_id)
            asked = stack.context.service.directory().name(task.assignee or "")

            window.goto(f"{stack.settings.gateway_url}/proposals/P-0001?lang=zh")
            expect(window.locator("body")).to_contain_text("新旧数值并行对比")
            window.goto(f"{stack.settings.gateway_url}/proposals/P-0001?lang=en")
            expect(window.locator(".compared")).to_have_text(f"{figures['old']['text']} % → {figures['new']['text']} %")
            expect(window.locator("pre.diff ins")).to_contain_text("received_quantity >= 100")
            expect(window.locator("#content")).to_contain_text(f"waits for {asked}")
            picture(window, "proposal")

            window.goto(f"{stack.settings.gateway_url}/embedded-slack/?as={stack.user(task.assignee or '')}")
            card = window.locator(".message", has_text="Approve the new definition").first
            expect(card).to_contain_text(f"{figures['old']['text']} % → {figures['new']['text']} %")
            picture(window, "proposal-card")
            card.get_by_role("button", name="Approve").click()
            window.get_by_role("dialog").get_by_role("button", name="Submit").click()
            wait_until(lambda: not stack.context.service.tasks(case_id=approval.case_id))
            assert _apart(lambda: run_service_steps(platform)) == 1

            window.goto(f"{stack.settings.gateway_url}/metrics/{METRIC}?lang=en")
            changes = window.locator("#changes")
            expect(changes.locator("tbody tr").first).to_contain_text("in force")
            expect(changes).to_contain_text(f"approved by {asked}")
            assert _shown(stack.settings.gateway_url) == (2, figures["new"]["numerator"])

            command("rollback", METRIC, "--reason", "The auditors disagree.", "--as", owner["login"], "--no-refresh")
            assert _shown(stack.settings.gateway_url) == (1, figures["old"]["numerator"]), "the next request"
            window.reload()
            expect(changes.locator("tbody tr").first).to_contain_text("rolled back to")
            picture(window, "definition-versions")
        assert readers.failures == []
        assert len(readers.snapshots) == 3
        assert {version for version, _, _ in readers.answers} == {1, 2}
        assert len(readers.answers) == 2, "one version, one figure, one set of months"
        assert readers.count > 20
    world.close()


def _apart(work: Callable[[], int]) -> int:
    """Run ``work`` in a thread of its own: Playwright's event loop stands in this one, and Dagster wants another."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def _shown(address: str) -> tuple[int, str]:
    body = httpx.get(f"{address}/api/v1/metrics/{METRIC}", trust_env=False, timeout=20).json()
    numerator = body["metric"]["numerator"]
    return body["metric"]["definition_version"], f"{float(numerator):.6f}"
