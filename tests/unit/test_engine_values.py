"""Forms, conditions and durations: the small parts, each at its edges."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from workflow_jobs.engine.conditions import ConditionError, compile_condition
from workflow_jobs.engine.duration import parse_duration
from workflow_jobs.engine.forms import read_form, read_value
from workflow_jobs.engine.parts import FormField, Text
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.values import decimal_text, plain

DAY = date(2026, 11, 16)
T = Text(en="Amount", zh="金额")


def field(kind: Any = "decimal", **more: Any) -> FormField:
    return FormField(name="amount", type=kind, title=T, **more)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("50000.00", "50000.00"),
        (" 50,000.5 ", "50000.5"),
        ("1,234,567", "1234567"),
        ("50,000", "50000"),
        ("５００００．５", "50000.5"),
        (Decimal("0.10"), "0.10"),
        (7, "7"),
        (0.1, "0.1"),
        ("-3", "-3"),
        ("999999999999.99", "999999999999.99"),
        ("1.5000", "1.5000"),
    ],
)
def test_amounts_are_kept_exactly_as_text(typed: Any, kept: str) -> None:
    assert read_value(field(), typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "a",
        "1,5",
        "0,500",
        "1.234,50",
        "1e5",
        "1.005",
        "NaN",
        "Infinity",
        float("nan"),
        True,
        None,
        [],
        "12345678901234567",
        "1" * 60,
        "0x1F",
    ],
)
def test_what_is_no_amount_is_refused(typed: Any) -> None:
    with pytest.raises(ValueError):
        read_value(field(), typed)


def test_a_comma_that_may_begin_the_decimals_is_not_taken_for_thousands() -> None:
    with pytest.raises(ValueError, match="with a point before its decimals"):
        read_value(field(decimals=3), "1,234")
    assert read_value(field(decimals=3), "1,234.500") == "1234.500"
    assert read_value(field("integer"), "1,234") == 1234


@pytest.mark.parametrize(
    ("spec", "typed", "kept"),
    [
        (field("integer"), "12", 12),
        (field("integer"), 3.0, 3),
        (field("boolean"), "是", True),
        (field("boolean"), False, False),
        (field("date"), "2026-02-28", "2026-02-28"),
        (field("date"), DAY, "2026-11-16"),
        (field("text"), "  hello ", "hello"),
        (field("decimal", min=0, max=10), "10", "10"),
    ],
)
def test_values_are_kept_in_one_canonical_form(spec: FormField, typed: Any, kept: Any) -> None:
    assert read_value(spec, typed) == kept


@pytest.mark.parametrize(
    ("spec", "typed"),
    [
        (field("integer"), "1.5"),
        (field("integer"), str(2**53)),
        (field("boolean"), "perhaps"),
        (field("date"), "2026-02-30"),
        (field("text"), 5),
        (field("text", max_length=3), "four"),
        (field("decimal", min=0), "-0.01"),
        (field("decimal", max=10), "10.01"),
    ],
)
def test_values_of_another_kind_are_refused(spec: FormField, typed: Any) -> None:
    with pytest.raises(ValueError):
        read_value(spec, typed)


@pytest.mark.parametrize("day", ["1969-12-31", "0202-06-01", "2200-01-01", "9999-12-31"])
def test_a_form_takes_no_date_of_an_unlikely_year(day: str) -> None:
    spec = field("date")
    with pytest.raises(Refused) as refused:
        read_form((spec,), {"amount": day}, "ok")
    assert refused.value.sentence == f"Amount must be a date of the years 1970 to 2199, got '{day}'."
    assert read_form((spec,), {"amount": "2199-12-31"}, "ok") == {"amount": "2199-12-31"}
    assert read_value(spec, day) == day, "what data bring, such as the end of time, is kept"


def test_a_field_may_be_needed_for_some_outcomes_only() -> None:
    spec = field(required=("approve",))
    assert read_form((spec,), {}, "decline") == {}
    assert read_form((spec,), {"amount": 0}, "approve") == {"amount": "0"}
    with pytest.raises(Refused) as refused:
        read_form((spec,), {"amount": None}, "approve")
    assert refused.value.sentence == "Please fill in: Amount."


@pytest.mark.parametrize("value", [object(), {1: 2}, float("inf"), b"x", {"a": {"b": object()}}])
def test_what_json_cannot_carry_does_not_enter_a_case(value: Any) -> None:
    with pytest.raises(ValueError):
        plain(value)


def test_decimal_text_has_no_exponent() -> None:
    assert [decimal_text(n) for n in (Decimal("1E+3"), "1e-7", 1e22, 2)] == [
        "1000",
        "0.0000001",
        "10000000000000000000000",
        "2",
    ]


def test_conditions_compare_and_never_guess() -> None:
    below = compile_condition("data.amount < 50000.0")
    assert below.holds({"data": {"amount": 49999.99}})
    assert not below.holds({"data": {"amount": 50000.0}})
    assert below.holds({"data": {"amount": 49999}})
    for data in ({}, {"amount": None}, {"amount": "49999"}):
        with pytest.raises(ConditionError):
            below.holds({"data": data})
    with pytest.raises(ConditionError, match="not true or false"):
        compile_condition("data.amount").holds({"data": {"amount": 1.0}})
    with pytest.raises(ConditionError, match="no CEL"):
        compile_condition("data.amount <")


def test_a_condition_reaches_nothing_but_its_data() -> None:
    for source in ("__import__('os')", "open('/etc/passwd')", "data.__class__", "eval('1')"):
        with pytest.raises(ConditionError):
            compile_condition(source).holds({"data": {}})


@pytest.mark.parametrize(
    ("text", "clock"), [("PT4H", 4), ("PT30M", 0.5), ("P1D", 24), ("P1DT2H", 26), ("PT90S", 0.025)]
)
def test_durations(text: str, clock: float) -> None:
    duration = parse_duration(text)
    assert duration.clock() == timedelta(hours=clock)
    assert parse_duration(str(duration)) == duration
    assert duration.working(timedelta(hours=7.5)) == timedelta(hours=clock) - timedelta(hours=16.5) * duration.days


@pytest.mark.parametrize("text", ["", "P", "PT", "P0D", "4h", "P1M", "P1W", "P1Y", "PT1.5H", "-PT1H", "P1DT"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_duration(text)
