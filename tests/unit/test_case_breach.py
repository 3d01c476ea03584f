"""Why a case was opened and what moved its figure, in both languages."""

from __future__ import annotations

from gateway.case_breach import BreachWords, Contribution, breach_words

WHY = {"en": "78.79 % is below the limit of 80.00 %.", "zh": "78.79 % 低于阈值 80.00 %。"}
FOUND = {
    "from": {"period": "2026-09", "value": 0.9},
    "to": {"period": "2026-10", "value": 0.8},
    "movement_exact": "-1/10",
    "unit": "percent",
    "decimals": 2,
    "top": [{"dimension": "item", "label": "Seal P1", "contribution_exact": "-3/40", "share": "3/4"}],
}


def test_the_contributions_are_said_with_part_and_share() -> None:
    assert breach_words({"why": WHY, "contributors": FOUND}, "en") == BreachWords(
        WHY["en"],
        "-10.00 points, 2026-09 → 2026-10",
        (Contribution("item", "Seal P1", "-7.50 points", "75.0 %"),),
    )
    chinese = breach_words({"why": WHY, "contributors": FOUND}, "zh")
    assert (chinese.why, chinese.contributions[0].dimension) == (WHY["zh"], "物料")
    assert chinese.moved == "-10.00 个百分点，2026-09 → 2026-10"


def test_what_nobody_can_say_is_said_in_its_place() -> None:
    unknown = {"en": "No dimension tells it apart.", "zh": "没有可区分的维度。"}
    assert breach_words({"why": WHY, "contributors": FOUND | {"unknown": unknown}}, "zh").moved == unknown["zh"]


def test_a_case_from_elsewhere_or_with_hidden_entries_says_nothing() -> None:
    assert breach_words({}, "en") == BreachWords()
    assert breach_words({"contributors": {}}, "en") == BreachWords()
