"""What a breach says of itself, in English and Chinese: which rule, what was found, what was allowed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import Any

from ops_assets.checks.control_limits import Limits
from ops_assets.checks.trust import Words
from ops_assets.dictionary.watch_rule import ChangeSpec, ControlSpec
from ops_assets.figures import with_unit
from ops_assets.periods import Period

TEST_NAMES: Mapping[int, tuple[str, str]] = {
    1: ("one point beyond three sigma", "一点超出三倍标准差"),
    2: ("nine points in a row on one side of the centre", "连续九点在中心线同侧"),
    3: ("six points in a row rising or falling", "连续六点递增或递减"),
    4: ("fourteen points in a row up and down by turns", "连续十四点交替升降"),
    5: ("two of three points beyond two sigma on one side", "三点中有两点在同侧两倍标准差以外"),
    6: ("four of five points beyond one sigma on one side", "五点中有四点在同侧一倍标准差以外"),
    7: ("fifteen points in a row within one sigma", "连续十五点在一倍标准差以内"),
    8: ("eight points in a row outside one sigma", "连续八点在一倍标准差以外"),
}
_AGAINST = {
    "previous_period": ("the month before", "上月"),
    "same_period_last_year": ("the same month a year before", "去年同月"),
    "previous_window": ("the window before", "上一窗口"),
}
_POINTS = {"day": ("days", "天"), "week": ("weeks", "周"), "month": ("months", "个月")}


@dataclass(frozen=True, slots=True)
class FigureForm:
    """How a metric's figures are written."""

    unit: str
    decimals: int

    def text(self, value: Decimal | Fraction | float) -> str:
        """A raw figure with its unit, rounded half up."""
        return with_unit(self.unit, f"{_rounded(self._scaled(value), self.decimals):f}")

    def points(self, value: Decimal | Fraction, word: str = "points") -> str:
        """A difference of raw figures with its sign; of percentages, in points (in the reader's ``word``)."""
        shown = f"{_rounded(self._scaled(value), self.decimals):+f}"
        return f"{shown} {word}" if self.unit == "percent" else with_unit(self.unit, shown)

    def _scaled(self, value: Decimal | Fraction | float) -> Decimal:
        exact = Fraction(value) * (100 if self.unit == "percent" else 1)
        with localcontext() as context:
            context.prec = 50
            return Decimal(exact.numerator) / Decimal(exact.denominator)


def form_of(row: Mapping[str, Any]) -> FigureForm:
    """The form of a row of the snapshot's ``metrics``."""
    return FigureForm(row["unit"], row["decimals"])


def percent(share: Decimal | Fraction, decimals: int = 1) -> str:
    return FigureForm("percent", decimals).text(share)


def threshold_words(form: FigureForm, value: Decimal, bound: Decimal, above: bool) -> Words:
    return Words(
        f"{form.text(value)} is {'above' if above else 'below'} the limit of {form.text(bound)}.",
        f"{form.text(value)} {'高于' if above else '低于'}阈值 {form.text(bound)}。",
    )


def change_words(
    form: FigureForm, spec: ChangeSpec, new: Decimal | Fraction, old: Decimal | Fraction, at: Period, than: Period
) -> Words:
    moved = Fraction(new) - Fraction(old)
    share = percent(abs(moved / Fraction(old)))
    against = _AGAINST[spec.against]
    rose = moved > 0
    allowed = percent(spec.more_than)
    return Words(
        f"{form.text(new)} in {at.label} is {share} {'higher' if rose else 'lower'} than {form.text(old)} in "
        f"{than.label}, {against[0]}; {allowed} is allowed.",
        f"{at.label} 为 {form.text(new)}，比{against[1]}（{than.label}）的 {form.text(old)} "
        f"{'高' if rose else '低'} {share}；允许 {allowed}。",
    )


def control_words(
    form: FigureForm, spec: ControlSpec, tests: Sequence[int], newest: Decimal | Fraction, label: str, limits: Limits
) -> Words:
    english = "; ".join(f"test {test}, {TEST_NAMES[test][0]}" for test in tests)
    chinese = "；".join(f"检验 {test}：{TEST_NAMES[test][1]}" for test in tests)
    span = f"{form.text(limits.lower)} … {form.text(limits.upper)}"
    grain = _POINTS[spec.points]
    return Words(
        f"{form.text(newest)} in {label} shows a special cause (Nelson's {english}). "
        f"Centre {form.text(limits.centre)}, limits {span}, from the {spec.baseline} {grain[0]} before.",
        f"{label} 的 {form.text(newest)} 显示特殊原因（尼尔森{chinese}）。中心线 {form.text(limits.centre)}，"
        f"控制限 {span}，取自之前 {spec.baseline} {grain[1]}。",
    )


def missing_words(newest: date, silent: int, allowed: int) -> Words:
    return Words(
        f"no row since {newest}, {silent} days ago; {allowed} {'day is' if allowed == 1 else 'days are'} allowed.",
        f"自 {newest} 起没有数据行，已 {silent} 天；允许 {allowed} 天。",
    )


def _rounded(value: Decimal, decimals: int) -> Decimal:
    with localcontext() as context:
        context.prec = 50
        return value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
