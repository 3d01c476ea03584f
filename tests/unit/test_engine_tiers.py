"""Tiers of an approval whose conditions have no answer: never a lower one than may be meant, and the task says why."""

from __future__ import annotations

import pytest

from tests.engine_world import Play, human, small

T = "{en: T, zh: 题}"
# Of a case that a person opened nobody measured anything.
ODD = "case.observed > 5.0"
NUMBERS = "opened_by: [people]\ninputs:\n- {name: amount, type: decimal, required: true, title: {en: A, zh: 额}}\n"


def tiers(*written: str) -> str:
    step = human("t", extra=f", tiers: [{', '.join(written)}]")
    return f"- {step.replace('responsible: buyer, accountable', 'accountable', 1)}\n"


def tier(when: str, responsible: str, accountable: str = "") -> str:
    first = f"when: '{when}'" if when else "default: true"
    return f"{{{first}, responsible: {responsible}{f', accountable: {accountable}' if accountable else ''}}}"


@pytest.mark.parametrize(
    ("written", "role"),
    [
        # The default is the lowest, the highest, and none of those that may be meant.
        ((tier(ODD, "cfo"), tier("", "buyer")), "cfo"),
        ((tier(ODD, "buyer"), tier("", "cfo")), "cfo"),
        ((tier(ODD, "sales_manager"), tier("data.amount > 5.0", "buyer"), tier("", "ceo")), "sales_manager"),
        # What surely does not hold is not meant, however high.
        ((tier("data.amount < 5.0", "ceo"), tier(ODD, "cfo"), tier("", "buyer")), "cfo"),
        # Who answers for it counts first, then who does it, then the later one.
        ((tier(ODD, "buyer", "ceo"), tier("", "cfo")), "buyer"),
        ((tier(ODD, "buyer", "ceo"), tier("", "cfo", "ceo")), "cfo"),
        ((tier(ODD, "sales_manager"), tier("", "it_manager")), "it_manager"),
        # Nobody could approve what nobody holds.
        ((tier(ODD, "cfo"), tier("", "astronaut")), "cfo"),
    ],
)
def test_the_strictest_tier_that_may_be_meant_is_asked(written: tuple[str, ...], role: str) -> None:
    play = Play(small(tiers(*written), NUMBERS)).open(data={"amount": "900000"}, observed=None)
    task = play.task("t")
    assert task.role == role
    assert "the strictest that may be meant, because" in task.assigned_because
    assert "has no answer here" in task.assigned_because


def test_an_answer_before_counts_as_it_stands() -> None:
    play = Play(small(tiers(tier("data.amount > 5.0", "buyer"), tier(ODD, "ceo"), tier("", "cfo")), NUMBERS))
    task = play.open(data={"amount": "900000"}, observed=None).task("t")
    assert task.role == "buyer"
    assert "tier 1: data.amount > 5.0" in task.assigned_because


def test_an_input_that_is_empty_is_missing() -> None:
    head = NUMBERS.replace("required: true, ", "")
    when = "has(data.amount) && data.amount > 5.0"
    play = Play(small(tiers(tier(when, "buyer"), tier("", "cfo")), head)).open(data={"amount": None})
    assert "tier 2: default" in play.task("t").assigned_because


def test_a_text_that_is_no_amount_is_never_below_anything() -> None:
    """As a case may hold it that was opened before the field was declared."""
    step = human("a", extra=f", form: [{{name: cost, type: decimal, title: {T}}}]")
    rules = tiers(tier("has(data.cost) && data.cost < 5.0", "buyer"), tier("", "cfo"))
    play = Play(small(f"- {step}\n{rules}")).open(data={"cost": "a lot"})
    play.choose("a", "ok")
    assert play.task("t").role == "cfo"
    assert "the strictest" in play.task("t").assigned_because


def test_a_table_that_collects_keeps_what_holds() -> None:
    rules = (
        f"{{id: odd, when: '{ODD}', set: {{needs: odd}}}}, {{id: fit, when: data.amount > 5.0, set: {{needs: fit}}}}, "
        "{id: other, default: true, set: {needs: none}}"
    )
    table = f"decision: {{id: d, title: {T}, accountable: cfo, policy: collect, rules: [{rules}]}}"
    play = Play(small(f"- {table}\n- {human('b')}\n", NUMBERS)).open(data={"amount": "9"}, observed=None)
    assert play.state.data["needs"] == ["fit"]
    assert "without the rule odd, because" in play.state.steps["d"].note
