"""How results are ranked, and search by meaning with a small embedder of the test's own."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ops_assets.search import Entry, Field, SearchIndex

MARGIN = Entry(
    "metric_order_gross_margin",
    (
        Field("label", "Order gross margin"),
        Field("label", "订单毛利率"),
        Field("synonym", "GM %"),
        Field("synonym", "毛利"),
        Field("definition", "Share of the invoiced amount that is left after the cost of the goods."),
    ),
)
REJECTS = Entry(
    "metric_supplier_reject_rate",
    (
        Field("label", "Supplier reject rate"),
        Field("label", "供应商拒收率"),
        Field("synonym", "incoming quality"),
        Field("definition", "Share of received pieces that incoming inspection rejected."),
    ),
)
ON_TIME = Entry(
    "metric_supplier_on_time_rate",
    (
        Field("label", "Supplier on-time rate"),
        Field("label", "供应商准时率"),
        Field("definition", "Share of purchase order lines that the supplier delivered by the promised day."),
    ),
)
INDEX = SearchIndex([MARGIN, REJECTS, ON_TIME])


def names(query: str) -> list[str]:
    return [one.name.removeprefix("metric_") for one in INDEX.search(query)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("gross margin", ["order_gross_margin"]),
        ("margn", ["order_gross_margin"]),
        ("毛利", ["order_gross_margin"]),
        ("订单毛利", ["order_gross_margin"]),
        ("供应商", ["supplier_on_time_rate", "supplier_reject_rate"]),
        ("拒收", ["supplier_reject_rate"]),
        ("incoming quality", ["supplier_reject_rate"]),
        ("INSPECTION", ["supplier_reject_rate"]),
        ("supplier reject", ["supplier_reject_rate", "supplier_on_time_rate"]),
        ("xylophone", []),
        ("", []),
        ("  %  ", []),
    ],
)
def test_queries_find(query: str, found: list[str]) -> None:
    assert names(query) == found


def test_a_result_says_which_text_matched() -> None:
    (by_synonym,) = INDEX.search("gm")
    assert (by_synonym.by.kind, by_synonym.by.text) == ("synonym", "GM %")
    assert INDEX.search("毛利")[0].by.kind in {"label", "synonym"}
    assert INDEX.search("promised")[0].by.kind == "definition"


class Topics:
    """Counts words of two topics, so that "profit" and "margin" point the same way."""

    least_similarity = 0.7

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        topics = (("margin", "profit", "earn"), ("supplier", "vendor", "purchas"))
        return [[float(sum(text.lower().count(word) for word in topic)) for topic in topics] for text in texts]


def test_meaning_finds_what_no_word_says() -> None:
    assert names("vendor") == []
    by_meaning = SearchIndex([MARGIN, REJECTS, ON_TIME], Topics())
    found = by_meaning.search("vendor")
    assert [one.name for one in found] == [ON_TIME.name, REJECTS.name]
    assert {one.by.kind for one in found} == {"meaning"}
    assert max(one.score for one in found) <= 0.8


def test_a_word_that_is_said_stays_ahead_of_one_that_is_meant() -> None:
    found = SearchIndex([MARGIN, REJECTS, ON_TIME], Topics()).search("supplier rejct")
    assert found[0].name == REJECTS.name
    assert found[0].by.kind == "label"


def test_an_unlike_vector_finds_nothing() -> None:
    assert SearchIndex([MARGIN, REJECTS], Topics()).search("weather") == []
