"""Templates that ask for more than Slack can show, found before a case is opened; at each limit what is drawn fits."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from tests.engine_world import Play, human, small
from workflow_jobs.engine.template import Template, load_template
from workflow_jobs.slack import block_kit
from workflow_jobs.slack.cards import task_card
from workflow_jobs.slack.modals import decision_modal
from workflow_jobs.slack.opening_modal import opening_modal
from workflow_jobs.slack.template_limits import beyond_slack
from workflow_jobs.slack.wording import CardContext
from workflow_jobs.template_copy import copy_template
from workflow_jobs.template_library import TEMPLATES_FOLDER, TemplateProblems, load_library
from workflow_jobs.template_names import TemplateNames

T = "{en: T, zh: 题}"
CONTEXT = CardContext(language="en", zone=UTC, name=str)
ALL_ACTIONS = (
    ", actions: {acknowledge: true, assign: true, delegate: true, add_approver: true, release: true, "
    f"snooze: {{at_most: P1D}}, pauses: [{{id: r, title: {T}, at_most: P1D}}]}}"
)


def texts(count: int, title: str = "t") -> str:
    return ", ".join(f"{{name: f{number}, type: text, title: {{en: {title}, zh: {title}}}}}" for number in range(count))


def choice(count: int, title: str = "t", name: str = "f") -> str:
    options = ", ".join(f"{{value: o{number}, title: {{en: {title}, zh: {title}}}}}" for number in range(count))
    return f"{{name: {name}, type: choice, title: {T}, options: [{options}]}}"


def outcomes(count: int) -> str:
    return f"[{', '.join(f'{{id: o{number}, title: {T}}}' for number in range(count))}]"


def asking(form: str = "", choices: str = "", extra: str = "") -> Template:
    return small(f"- {human('a', extra=f', form: [{form}]{extra}', outcomes=choices)}\n")


def people_ask(inputs: str) -> Template:
    return small(f"- {human('a')}\n", f"opened_by: [people]\ninputs: [{inputs}]\n")


def waiting(form: str) -> Template:
    until = "until: {clock: P1D}, signal: come"
    return small(f"- {{id: w, kind: wait, title: {T}, raci: {{accountable: cfo}}, {until}, form: [{form}]}}\n")


def pausing(count: int) -> Template:
    reasons = ", ".join(f"{{id: r{number}, title: {T}, at_most: P1D}}" for number in range(count))
    return asking(extra=f", actions: {{pauses: [{reasons}]}}")


@pytest.mark.parametrize(
    ("template", "says"),
    [
        (asking(choice(101)), "'f' has 101 options, of which Slack shows 100"),
        (people_ask(choice(101)), "'f' has 101 options"),
        (waiting(choice(101)), "'f' has 101 options"),
        (asking(texts(98)), "98 fields are more than the 97"),
        (people_ask(texts(98)), "98 fields"),
        (asking(choices=outcomes(26)), "26 outcomes are more than the 25 buttons"),
        (pausing(101), "101 reasons to stop the clock"),
        (asking(texts(60, "x" * 150)), "shorten its titles, hints and options"),
        (asking(f"{choice(100, 'x' * 75)}, {choice(20, 'x' * 75, 'g')}"), "shorten its titles, hints and options"),
    ],
)
def test_what_slack_could_not_show_is_found_with_its_step(template: Template, says: str) -> None:
    (finding,) = beyond_slack(template)
    assert says in finding.message
    assert finding.step == ("" if template.inputs else template.steps[0].id)  # type: ignore[union-attr]
    assert finding.line == 7


@pytest.mark.parametrize(
    "template",
    [
        asking(choice(100)),
        asking(texts(97)),
        asking(choices=outcomes(25), extra=ALL_ACTIONS),
        asking(texts(97, "x" * 80)),
    ],
)
def test_at_the_limit_card_and_form_are_drawn(template: Template) -> None:
    assert beyond_slack(template) == []
    play = Play(template).open(subject_label="Supplier " * 40)
    task = play.task("a")
    card = task_card(play.state, task, template, CONTEXT)
    block_kit.validate_message(card.text, card.blocks)
    decision_modal(play.state, task, template, CONTEXT, outcome=next(iter(template.steps[0].outcomes)).id)  # type: ignore[union-attr]


def test_at_the_limit_the_form_of_a_new_case_is_drawn() -> None:
    for inputs in (choice(100), texts(97), texts(97, "x" * 80)):
        assert beyond_slack(people_ask(inputs)) == []
        opening_modal(people_ask(inputs), CONTEXT)


def test_inputs_that_nobody_fills_in_by_hand_may_be_many() -> None:
    assert beyond_slack(small(f"- {human('a')}\n", f"inputs: [{texts(200)}]\n")) == []


def test_nothing_beyond_slack_goes_into_service(tmp_path: Path) -> None:
    """Neither at the start, nor as a copy, nor without a word from the command."""
    text = asking(choice(101)).text.replace("id: small", "id: wide")
    source = tmp_path / "wide.yaml"
    source.write_text(text, encoding="utf-8")
    with pytest.raises(TemplateProblems, match=r"wide.yaml:7: a: 'f' has 101 options"):
        load_library(tmp_path)
    with pytest.raises(TemplateProblems, match=r"copied.yaml:8: a: 'f' has 101 options"):
        copy_template(load_template(text, file="wide.yaml"), "copied", tmp_path, TemplateNames(None, None, None, None))
    said = CliRunner().invoke(app, ["templates", "lint", str(source), "--folder", str(tmp_path)])
    assert said.exit_code == 1
    assert "wide.yaml:7: a: 'f' has 101 options" in said.stdout


def test_a_process_beside_one_that_cannot_be_read_is_examined_as_far_as_it_goes(tmp_path: Path) -> None:
    opened = "kind: process, title: {en: P, zh: 开}, raci: {accountable: cfo, responsible: cfo}, template:"
    steps = f"- {{id: p, {opened} broken}}\n- {{id: q, {opened} nowhere}}\n"
    (tmp_path / "small.yaml").write_text(small(steps).text, encoding="utf-8")
    (tmp_path / "broken.yaml").write_text("id: [", encoding="utf-8")
    said = CliRunner().invoke(app, ["templates", "lint", "small", "--folder", str(tmp_path)])
    assert said.exit_code == 1
    assert "small.yaml:7: p: 'broken' cannot be read, so what it takes is not known: mend it first" in said.stdout
    assert "small.yaml:8: q: there is no template 'nowhere'" in said.stdout


def test_the_shipped_templates_fit() -> None:
    assert [finding for template in load_library(TEMPLATES_FOLDER) for finding in beyond_slack(template)] == []
