"""One metric in each state of trust, and every place that shows its figure: all say the same."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

import gateway.commands.metrics
from gateway.app import create_app
from gateway.cli import app as command_line
from ops_assets.assets import _publication_metadata, _published_values
from ops_assets.checks.trust import Trust, TrustState
from ops_assets.operating_analysis import write_operating_analysis
from ops_assets.trust import trust_detail, trust_of
from tests.gateway_stack import free_port, serving
from tests.platform_world import PlatformWorld, PublishedHome
from workflow_jobs.wiring import process_service

STATES: Mapping[str, TrustState] = {
    "metric_inventory_on_hand": "trusted",
    "metric_line_oee": "degraded",
    "metric_line_performance": "held",
    "metric_production_first_pass_yield": "stale",
    "metric_sales_gross_margin": "unavailable",
}


@dataclass
class Shown:
    """A world with one metric in each state, a gateway on it, and what was published last."""

    world: PlatformWorld
    http: httpx.Client
    expected: Mapping[str, Trust]
    dagster: Mapping[str, Mapping[str, Any]]
    publication: Mapping[str, Any]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, published: PublishedHome) -> Iterator[Shown]:
    home = tmp_path_factory.mktemp("trust") / "home"
    shutil.copytree(published.home, home, symlinks=True, ignore=shutil.ignore_patterns("serving"))
    port = free_port()
    world = PlatformWorld(home, gateway_port=port)
    world.publish()
    _spoil(world)
    # What was spoilt is no input of a publication, so it is said that something changed.
    manifest = world.platform.snapshots.snapshots_dir / f"{world.snapshot.id}.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "inputs": "others"}))
    report, done = world.publish()
    assert done is not None
    events = {event.asset_key.to_user_string(): event for event in _published_values(world.platform, done)}
    app = create_app(world.platform.settings, clock=world.clock)
    with serving(app, port), httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as http:
        yield Shown(
            world,
            http,
            trust_of(world.snapshot, world.clock.now()),
            {name: {key: value.value for key, value in event.metadata.items()} for name, event in events.items()},
            _publication_metadata(world.platform, report, done),
        )
    world.close()


def _spoil(world: PlatformWorld) -> None:
    """A few wrong rows (a warning), many wrong rows (a red line), and a feed that stopped six days ago."""
    with world.platform.warehouse.connection() as db:
        for model, one_in in (("metric_line_oee", 50), ("metric_line_performance", 2)):
            relation = world.definitions.project.models[model].relation
            db.execute(f"update {relation} set denominator = -1 where hash(run_id) % {one_in} = 0")
        # The history came by the month at first; the rhythm of the last week is a day.
        db.execute(
            "delete from raw.loaded_batch where table_name = 'mes__inspections' and source_at < "
            "(select max(source_at) from raw.loaded_batch) - interval 8 days"
        )
        db.execute(
            "update raw.loaded_batch set source_at = source_at - interval 6 days where table_name = 'mes__inspections'"
        )


@pytest.mark.parametrize(("metric", "state"), STATES.items())
def test_every_place_says_the_same_of_a_figure(
    shown: Shown, metric: str, state: TrustState, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust = shown.expected[metric]
    assert trust.state == state, trust.sentence()
    sentences = (trust.sentence("en"), trust.sentence("zh"))
    monkeypatch.setattr(gateway.commands.metrics, "open_platform", lambda: shown.world.platform)

    listed = {row["metric"]: row for row in json.loads(_said("metrics", "list", "--json"))}
    assert (listed[metric]["trust"], listed[metric]["trust_sentence"]) == (state, sentences[0])
    row = next(line for line in _said("metrics", "list").splitlines() if line.startswith(f"{metric} "))
    assert f" {trust.label()} " in row
    assert json.loads(_said("metrics", "show", metric, "--json"))["trust_sentence"] == sentences[0]
    assert sentences[0] in _said("metrics", "show")

    for language, sentence in zip(("en", "zh"), sentences, strict=True):
        home = _text(shown, f"/?lang={language}")
        assert trust.label(language) in home and trust.detail(language) in home
        page = _text(shown, f"/metrics/{metric}?lang={language}")
        assert sentence in page
        part = _text(shown, f"/metrics/{metric}/part/trust?lang={language}")
        assert trust.label(language) in part and trust.detail(language) in part
        assert sentence in _text(shown, f"/metrics?lang={language}")

    answered = shown.http.get(f"/api/v1/metrics/{metric}").json()["metric"]["trust"]
    assert (answered["state"], answered["sentence_en"], answered["sentence_zh"]) == (state, *sentences)

    card = process_service(shown.world.platform).card_context(metric)
    assert card.trust() == sentences[0]

    report = write_operating_analysis(shown.world.platform).path.read_text(encoding="utf-8")
    assert any(line.endswith(f"| {sentences[0]} |") for line in report.splitlines())

    if state != "unavailable":
        assert shown.publication[metric].endswith(f"({sentences[0]})")
    if state in {"held", "degraded"}:
        assert shown.dagster[metric]["trust"] == sentences[0]


def test_the_board_marks_each_tile_with_its_state(shown: Shown) -> None:
    board = shown.http.get("/board").text
    tiles = re.findall(r'class="tile (\w+)" id="tile-(\w+)"', board)
    assert tiles
    assert all(shown.expected[metric].state == state for state, metric in tiles)


def test_a_held_metric_says_of_when_its_figures_are_and_keeps_its_beginning(shown: Shown) -> None:
    held = shown.expected["metric_line_performance"]
    good = shown.world.metric("metric_line_performance")["as_of"]
    assert f"last good figures of {good} are shown" in held.sentence()
    assert held.since == shown.world.snapshot.published_at


def test_the_deductions_name_the_check_and_the_score_is_graded(shown: Shown) -> None:
    detail = trust_detail(shown.world.snapshot, "metric_line_oee", shown.world.clock.now())
    accuracy = next(one for one in detail.dimensions if one.dimension == "accuracy")
    assert accuracy.score is not None and 50 <= accuracy.score < 90
    assert [one.asset for one in accuracy.deductions] == ["metric_line_oee"]
    assert detail.trust.score is not None and accuracy.score < detail.trust.score < 100


def test_a_lasting_cause_began_when_it_was_first_seen(shown: Shown) -> None:
    world = shown.world
    first = trust_of(world.snapshot, world.clock.now())["metric_line_oee"]
    manifest = world.platform.snapshots.snapshots_dir / f"{world.snapshot.id}.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "inputs": "again"}))
    world.clock.advance(timedelta(seconds=30))
    world.publish()
    again = trust_of(world.snapshot, world.clock.now())["metric_line_oee"]
    assert world.snapshot.published_at > first.since  # type: ignore[operator]
    assert (again.state, again.since) == ("degraded", first.since)


def _said(*arguments: str) -> str:
    result = CliRunner().invoke(command_line, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def _text(shown: Shown, path: str) -> str:
    answer = shown.http.get(path)
    assert answer.status_code == 200, (path, answer.text[:500])
    return unescape(answer.text)
