"""The pages over HTTP: what they say when figures are held, hidden, unknown or not there yet; language; renewal."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from gateway.metric_search import EmbedderError, load_embedder
from gateway.tokens import READ, create_token
from resources.clock import FixedClock
from resources.serving import SnapshotStore
from tests.gateway_stack import METRIC, Stack, publish_snapshot, running_stack
from tests.gateway_stack import __name__ as STACK_MODULE

RENEWED = ("/board", "/metrics", "/metrics?q=supplier", f"/metrics/{METRIC}")
PAGES = ("/", "/board", "/metrics", f"/metrics/{METRIC}", "/docs")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A gateway on one publication, for tests that only read."""
    clock = FixedClock(datetime(2026, 11, 16, 2, 0, tzinfo=UTC))
    with running_stack(tmp_path_factory.mktemp("pages") / "home", clock) as running:
        yield running


@pytest.fixture
def renewing(tmp_path: Path, clock: FixedClock) -> Iterator[Stack]:
    """A gateway of the test's own, to publish on."""
    with running_stack(tmp_path / "home", clock) as running:
        yield running


def get(stack: Stack, address: str, **headers: str) -> str:
    answer = stack.http.get(address, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize("address", PAGES)
def test_every_page_has_the_frame_and_refuses_foreign_scripts(stack: Stack, address: str) -> None:
    answer = stack.http.get(address)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe-inline" not in policy.split("style-src-attr")[0]
    for place in ("/board", "/metrics", stack.settings.dagster_url):
        assert f'href="{place}' in answer.text


def test_the_policy_leaves_the_dbt_docs_alone(stack: Stack) -> None:
    stack.settings.dbt_docs_dir.mkdir(parents=True)
    (stack.settings.dbt_docs_dir / "index.html").write_text("<script>1</script>", encoding="utf-8")
    assert "content-security-policy" not in stack.http.get("/dbt/").headers
    assert 'href="/dbt/"' in get(stack, "/")


def test_the_language_is_asked_for_and_stays(stack: Stack) -> None:
    with httpx.Client(base_url=stack.settings.gateway_url, trust_env=False) as reader:
        assert '<html lang="en">' in reader.get("/metrics").text
        chinese = reader.get("/metrics", params={"lang": "zh"})
        assert '<html lang="zh-CN">' in chinese.text
        assert "供应商拒收率" in chinese.text
        assert "供应商拒收率" in reader.get(f"/metrics/{METRIC}").text
        assert "经营看板" in reader.get("/board").text
        assert "Business board" in reader.get("/board", params={"lang": "en"}).text
        assert '<html lang="en">' in reader.get("/board").text
        assert '<html lang="en">' in reader.get("/board", params={"lang": "xx"}).text


def test_the_language_switch_keeps_the_search(stack: Stack) -> None:
    text = get(stack, "/metrics?q=margin")
    assert re.search(r'href="\?q=margin&amp;lang=zh"', text)


def test_a_held_metric_says_so_and_shows_its_last_good_figures(stack: Stack) -> None:
    text = get(stack, "/metrics/order_gross_margin")
    assert "Last good figures" in text
    assert "23.31 %" in text
    assert "4 order lines have no cost" in text
    assert "4 order lines have no cost" in get(stack, "/board")


def test_a_metric_that_nobody_can_feed_has_no_figure(stack: Stack) -> None:
    text = get(stack, "/metrics/customer_satisfaction")
    assert "needs survey_answer" in text
    assert "<strong>–</strong>" in text


def test_an_unknown_metric_is_answered_with_near_ones(stack: Stack) -> None:
    answer = stack.http.get("/metrics/supplier_rejct_rate")
    assert answer.status_code == 404
    assert f'href="/metrics/{METRIC}"' in answer.text


def test_a_name_from_outside_is_shown_as_text(stack: Stack) -> None:
    answer = stack.http.get("/metrics/%3Cscript%3Ealert(1)%3Cscript%3E%22")
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text
    found = stack.http.get("/metrics", params={"q": '"><script>alert(1)</script>'})
    assert "<script>alert" not in found.text


def test_pages_say_what_to_do_before_the_first_publication(tmp_path: Path, clock: FixedClock) -> None:
    with running_stack(tmp_path / "home", clock, published=False) as stack:
        for address in ("/board", "/metrics", f"/metrics/{METRIC}"):
            answer = stack.http.get(address)
            assert answer.status_code == 503
            assert "./trueloop refresh" in answer.text
        assert stack.http.get("/").status_code == 200


def test_a_reader_without_the_class_gets_no_figure_anywhere(stack: Stack) -> None:
    """A snapshot without definitions counts as confidential, which an employee does not see."""
    context = stack.context
    made = create_token(context.engine, name="kiosk", scopes=[READ], clock=context.clock, reader_role="employee")
    headers = {"authorization": f"Bearer {made.text}"}
    for address in PAGES[:4]:
        assert "3.1238 %" in get(stack, address), address
        hidden = get(stack, address, **headers)
        assert "3.1238" not in hidden, address
        assert "18,234,551" not in hidden, address
        assert "does not see its figures" in hidden, address
    assert "2.5000" not in get(stack, f"/metrics/{METRIC}", **headers)


def test_pages_need_a_token_from_elsewhere(stack: Stack) -> None:
    for address in ("/board", "/metrics", f"/metrics/{METRIC}", "/part/newer?seen=x"):
        assert stack.http.get(address, headers={"host": "figures.example"}).status_code == 401


def marks(text: str) -> tuple[str, str]:
    """The address under which a page asks for its own renewal, and the snapshot that it shows."""
    found = re.search(r'data-watch[^>]*hx-get="([^"]+)"', text)
    snapshot = re.search(r'seen=([\w-]+?)(?:-[0-9a-f]{8})?(?:&|")', text)
    assert found, text[:500]
    assert snapshot, text[:500]
    return found[1].replace("&amp;", "&"), snapshot[1]


def test_a_page_asks_for_its_renewal_and_gets_nothing_until_a_publication(renewing: Stack) -> None:
    pages = {address: marks(get(renewing, address)) for address in RENEWED}
    assert {first for _, first in pages.values()} == {"20261116-000001"}
    assert {renewing.http.get(renewal).status_code for renewal, _ in pages.values()} == {204}
    publish_snapshot(SnapshotStore(renewing.settings.serving_dir), sequence=2, clock=renewing.clock)
    assert {renewing.http.get(renewal).status_code for renewal, _ in pages.values()} == {200}
    pages = {address: marks(get(renewing, address)) for address in RENEWED}
    assert {second for _, second in pages.values()} == {"20261116-000002"}
    assert {renewing.http.get(renewal).status_code for renewal, _ in pages.values()} == {204}


def test_readers_never_see_two_snapshots_in_one_board(renewing: Stack) -> None:
    """Two snapshots whose metrics all carry the snapshot's own number, switched under readers."""
    store = SnapshotStore(renewing.settings.serving_dir)
    first = store.list()[0].id
    second = publish_snapshot(store, sequence=2, clock=renewing.clock, figure="22").id
    store.switch(first)
    stop = threading.Event()

    def switch() -> None:
        while not stop.is_set():
            store.switch(second)
            store.switch(first)

    switching = threading.Thread(target=switch)
    switching.start()
    seen: set[str] = set()
    try:
        for _ in range(40):
            text = get(renewing, "/board")
            shown = re.search(r'data-snapshot="([\w-]+)"', text)
            assert shown
            values = re.findall(r'class="value">([^<]+)<', text)
            if shown[1] == second:
                assert {value.split()[0] for value in values if value != "–"} == {"22"}, values
            else:
                assert not any(value.split()[0] == "22" for value in values), values
            seen.add(shown[1])
    finally:
        stop.set()
        switching.join()
    assert seen == {first, second}


class Meanings:
    """Everything about money points one way."""

    least_similarity = 0.9

    def embed(self, texts: list[str]) -> list[list[float]]:
        return [[float("margin" in text.lower() or "earnings" in text.lower()), 0.1] for text in texts]


class Broken:
    least_similarity = 0.9

    def embed(self, texts: list[str]) -> list[list[float]]:
        raise RuntimeError("the model is away")


def test_a_configured_embedder_finds_by_meaning(tmp_path: Path, clock: FixedClock) -> None:
    with running_stack(tmp_path / "home", clock, search_embedder=f"{__name__}:Meanings") as stack:
        text = get(stack, "/metrics?q=earnings")
        assert 'data-metric="metric_order_gross_margin"' in text
        assert "similar in meaning" in text
        assert f'data-metric="{METRIC}"' not in text


def test_an_embedder_that_fails_leaves_the_words(tmp_path: Path, clock: FixedClock) -> None:
    with running_stack(tmp_path / "home", clock, search_embedder=f"{__name__}:Broken") as stack:
        assert 'data-metric="metric_order_gross_margin"' in get(stack, "/metrics?q=margin")


@pytest.mark.parametrize("name", ["nothing", "no.such.module:embedder", f"{STACK_MODULE}:nothing", "pathlib:Path"])
def test_a_setting_that_names_no_embedder_is_refused(name: str) -> None:
    with pytest.raises(EmbedderError, match=r"cannot be loaded|module:function|least_similarity"):
        load_embedder(name)


def test_an_unknown_address_is_a_page_for_people_and_json_for_programs(stack: Stack) -> None:
    browser = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    for language, heading in (("en", "There is no page here"), ("zh", "此处没有页面")):
        shown = stack.http.get(f"/nothing/<b>?lang={language}", headers=browser)
        assert shown.status_code == 404
        assert shown.headers["content-type"].startswith("text/html")
        assert heading in shown.text
        assert 'href="/board"' in shown.text
        assert "<b>" not in shown.text
        assert "content-security-policy" in shown.headers
    for path, headers in (("/nothing", {}), ("/nothing", {"accept": "application/json"}), ("/api/v1/nothing", browser)):
        answer = stack.http.get(path, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    stack.http.cookies.clear()
