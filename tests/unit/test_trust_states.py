"""The states in plain words: which one holds, since when, and that staleness is judged by the clock of the reader."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops_assets.checks.rules import CheckRule, judge
from ops_assets.checks.trust import (
    PUBLICATION_GRACE,
    AgeLimit,
    AuditedTrust,
    Cause,
    Feed,
    Words,
    carried_over,
    check_words,
    judge_trust,
    state_label,
)
from ops_assets.trust import audited_to_json, read_audited

PUBLISHED = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
"""12:00 on 21 November in Shanghai."""
TODAY = date(2026, 11, 21)
MIDNIGHT = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
CAUSE = Cause("warning/fct_x.no_nulls", Words("2 % is above 1 %.", "2 % 高于 1 %。"), PUBLISHED - timedelta(days=3))


def audited(**changes: Any) -> AuditedTrust:
    values: dict[str, Any] = {
        "metric": "metric_m", "state": "trusted", "score": 97.5, "since": PUBLISHED - timedelta(days=9), "causes": (),
        "limited_by": None, "good_as_of": TODAY, "as_of": TODAY, "by_clock": True, "zone": "Asia/Shanghai",
    }  # fmt: skip
    return AuditedTrust(**{**values, **changes})


def said(trust: AuditedTrust, now: datetime = PUBLISHED, language: str = "en") -> str:
    return judge_trust(trust, now, published_at=PUBLISHED).sentence(language)


def test_a_clean_figure_is_trusted_and_says_no_more() -> None:
    assert (said(audited()), said(audited(), language="zh")) == ("trusted", "可信")


def test_a_warning_degrades_and_says_which_check_and_since_when() -> None:
    degraded = audited(state="degraded", causes=(CAUSE,), since=CAUSE.since)
    assert said(degraded) == "degraded since 2026-11-18: 2 % is above 1 %."
    assert said(degraded, language="zh") == "有预警（自 2026-11-18 起：2 % 高于 1 %。）"


def test_a_held_figure_says_of_when_the_last_good_one_is() -> None:
    held = audited(state="held", causes=(CAUSE,), since=CAUSE.since, good_as_of=date(2026, 11, 17))
    assert said(held) == ("held back since 2026-11-18: last good figures of 2026-11-17 are shown. 2 % is above 1 %.")
    assert "2026-11-17" in said(held, language="zh")
    assert "no good figures yet" in said(replace(held, good_as_of=None))


def test_a_missing_figure_is_not_available_whatever_else_is_wrong() -> None:
    late = Feed("wms__receipts", 0, date(2020, 1, 1))
    words = Words("it needs sale_line, which this pack does not feed.", "不提供")
    trust = audited(state="unavailable", causes=(Cause("x", words, PUBLISHED),), feeds=(late,))
    assert said(trust, PUBLISHED + timedelta(days=99)) == f"not available: {words.en}"


def test_a_feed_is_late_after_the_days_it_may_take_and_its_own_rhythm() -> None:
    daily, weekly = Feed("a", 2, TODAY), Feed("a", 2, TODAY, usual_gap_days=7)
    for feed, days in ((daily, 2), (weekly, 8)):
        trust = audited(feeds=(feed,))
        still = MIDNIGHT + timedelta(days=days) - timedelta(seconds=1)
        assert judge_trust(trust, still).state == "trusted"
        late = judge_trust(trust, still + timedelta(seconds=1))
        assert (late.state, late.since) == ("stale", MIDNIGHT + timedelta(days=days))
    assert judge_trust(audited(feeds=(Feed("a", 2, None),)), PUBLISHED).reason.en == "a has never arrived."


def test_a_figure_grows_old_after_its_publication() -> None:
    trust = audited(ages=(AgeLimit("recent", "metric_m", 7, date(2026, 11, 15)),))
    assert judge_trust(trust, MIDNIGHT).state == "trusted"
    stale = judge_trust(trust, MIDNIGHT + timedelta(days=1))
    assert stale.sentence() == (
        "stale since 2026-11-23: the newest row of metric_m is of 2026-11-15; recent allows 7 days."
    )


def test_figures_of_old_exports_do_not_grow_old() -> None:
    trust = audited(by_clock=False, feeds=(Feed("a", 2, TODAY),), ages=(AgeLimit("recent", "metric_m", 7, TODAY),))
    assert said(trust, PUBLISHED + timedelta(days=365)) == "trusted"


def test_a_day_without_publication_makes_stale_and_hides_what_it_cannot_know() -> None:
    trust = audited(feeds=(Feed("a", 0, TODAY),))
    assert said(replace(trust, feeds=()), MIDNIGHT + PUBLICATION_GRACE) == "trusted"
    late = MIDNIGHT + PUBLICATION_GRACE + timedelta(seconds=1)
    assert said(trust, late) == (
        "stale since 2026-11-22: nothing was published since 2026-11-21; the refresh runs every five minutes."
    )


def test_a_stale_figure_still_says_its_warnings() -> None:
    trust = audited(state="degraded", causes=(CAUSE,), since=CAUSE.since, feeds=(Feed("a", 2, date(2026, 11, 10)),))
    found = judge_trust(trust, PUBLISHED, published_at=PUBLISHED)
    assert found.state == "stale"
    assert found.reason.en.startswith("a last arrived on 2026-11-10") and found.reason.en.endswith(CAUSE.words.en)


def test_a_lasting_cause_keeps_its_beginning_and_a_new_one_begins_now() -> None:
    other = replace(CAUSE, id="warning/fct_y.other")
    now = PUBLISHED + timedelta(days=1)
    kept, new = carried_over(now, [replace(CAUSE, since=now), replace(other, since=now)], [CAUSE])
    assert (kept.since, new.since) == (CAUSE.since, now)


@given(st.datetimes(datetime(2026, 11, 21), datetime(2027, 12, 1)), st.timedeltas(timedelta(0), timedelta(days=60)))
def test_what_is_stale_stays_stale_until_something_is_published(moment: datetime, later: timedelta) -> None:
    trust = audited(feeds=(Feed("a", 5, TODAY),), ages=(AgeLimit("recent", "metric_m", 9, TODAY),))
    first = judge_trust(trust, moment.replace(tzinfo=UTC), published_at=PUBLISHED)
    second = judge_trust(trust, moment.replace(tzinfo=UTC) + later, published_at=PUBLISHED)
    if first.state == "stale":
        assert second.state == "stale"
        assert second.since == first.since <= moment.replace(tzinfo=UTC)  # type: ignore[operator]


def test_what_is_kept_in_a_snapshot_is_read_back_whole() -> None:
    trust = audited(
        state="degraded", causes=(CAUSE,), limited_by="fct_x", score=None,
        feeds=(Feed("a", 2, None), Feed("b", 1, TODAY, 3)), ages=(AgeLimit("recent", "fct_x", 7, None),),
    )  # fmt: skip
    assert read_audited([(json.dumps(audited_to_json(trust)),)]) == {"metric_m": trust}


def test_a_check_speaks_both_languages() -> None:
    rule = CheckRule("no_nulls", "fct_x", "completeness", "null_share", ("x",), warn_above=Decimal("0.01"))
    words = check_words(judge(rule, Decimal("0.02")))
    assert words.en == "no_nulls of fct_x: 2 % is above 1 %."
    assert words.zh == "fct_x 的检查 no_nulls：2 % 高于 1 %。"
    age = CheckRule("recent", "fct_x", "timeliness", "age_days", ("x",), warn_above=Decimal(3))
    assert check_words(judge(age, Decimal(5))).zh == "fct_x 的检查 recent：5 天 高于 3 天。"
    assert "没有" in check_words(judge(age, None)).zh


@pytest.mark.parametrize("state", ["trusted", "degraded", "held", "stale", "unavailable"])
def test_every_state_has_words_in_both_languages(state: Any) -> None:
    assert state_label(state) != state_label(state, "zh")
