"""The board's search finds what a plain look through all cases finds, on both databases, and never what is hidden."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple
from unittest import mock

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.process_world import World
from workflow_jobs.case_board import BoardFilter
from workflow_jobs.store import board_rows, tables

_METRICS, _KINDS = ("metric_supplier_reject_rate", "metric_stock"), ("supplier", "item")
_LETTERS = "aAbBzZ%_/\\* 0é供应商ÄßſK\x1f'"
_WORDS = st.text(_LETTERS, min_size=1, max_size=3).map(str.strip).filter(bool)
_HIDDEN = st.frozensets(st.tuples(st.sampled_from(_METRICS), st.sampled_from(_KINDS)))


class Case(NamedTuple):
    case_id: str
    subject_id: str
    label: str
    metric: str
    kind: str
    priority: str
    status: str


def _plain(text: str) -> str:
    return "".join(one.lower() if one.isascii() else one for one in text)


def expected(cases: list[Case], asked: BoardFilter) -> set[str]:
    """What a search finds: its words in the id, or in a subject that is not hidden; ASCII letters of any case."""
    found = set()
    for one in cases:
        seen = [one.case_id]
        if (one.metric, one.kind) not in asked.hidden_subjects:
            seen += [one.subject_id, one.label]
        fits = any(_plain(asked.words) in _plain(text) for text in seen)
        if fits and asked.priority in (None, one.priority) and asked.status in (None, one.status):
            found.add(one.case_id)
    return found


@pytest.fixture
def cases(ops_engine: sa.Engine) -> Iterator[tuple[World, list[Case]]]:
    """Forty cases with texts of every kind; every third one rests, and of these every second one is over."""
    world = World(ops_engine)
    world.open()
    made = []
    with ops_engine.begin() as connection:
        (row,) = connection.execute(sa.select(tables.case)).mappings().all()
        (asked,) = connection.execute(sa.select(tables.task)).mappings().all()
        connection.execute(tables.task.delete())
        tasks = []
        for n in range(40):
            turned = _LETTERS[n % len(_LETTERS) :] + _LETTERS
            one = Case(
                f"C-{n:03d}",
                turned[: 1 + n % 4],
                turned[4 : 7 + n % 3],
                _METRICS[n % 2],
                _KINDS[n // 2 % 2],
                ("high", "low")[n % 5 % 2],
                "closed" if n % 6 == 0 else "open",
            )
            made.append(one)
            values = {"subject_id": one.subject_id, "subject_label": one.label, "subject_kind": one.kind}
            values |= {"case_id": one.case_id, "metric": one.metric, "priority": one.priority, "status": one.status}
            rests = n % 6 == 3
            connection.execute(tables.case.insert(), dict(row) | values | {"rests": rests, "open_key": f"key {n}"})
            if one.status == "open" and not rests:
                named = {"task_id": f"{one.case_id}.1", "case_id": one.case_id, "priority": one.priority}
                tasks.append(dict(asked) | named)
        connection.execute(tables.task.insert(), tasks)
        # The first one has events, so it stays: as one that is over.
        connection.execute(tables.case.update().where(tables.case.c.case_id == row["case_id"]).values(status="closed"))
        made.append(Case(row["case_id"], "S1", "Supplier S1", _METRICS[0], _KINDS[0], row["priority"], "closed"))
    yield world, made


@pytest.mark.parametrize("few", [0, 500])
def test_a_search_finds_what_a_plain_look_finds(cases: tuple[World, list[Case]], few: int) -> None:
    """``few`` 0 asks the database for the words in every statement, 500 once and then for the cases found."""
    world, made = cases

    @settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
    @given(_WORDS, _HIDDEN, st.sampled_from([None, "high"]), st.sampled_from([None, "open", "closed"]))
    def look(words: str, hidden: frozenset[tuple[str, str]], priority: str | None, status: str | None) -> None:
        asked = BoardFilter(words=words, hidden_subjects=hidden, priority=priority, status=status)
        wanted = expected(made, asked)
        assert shown(world, asked) == (wanted, len(wanted))

    with mock.patch.object(board_rows, "_FEW", few):
        look()
        everything = {one.case_id for one in made}
        assert shown(world, BoardFilter(words="c-0", status=None)) == (everything, len(everything))
        assert shown(world, BoardFilter(words="a\0", status=None)) == (set(), 0)


def shown(world: World, asked: BoardFilter) -> tuple[set[str], int]:
    with world.engine.connect() as connection:
        narrow = board_rows.narrowed(connection, asked)
        columns = board_rows.board_columns(connection, narrow, world.clock.now())
        places = board_rows.board_places(connection, narrow, columns, each=100)
    return {place.case_id for place in places}, sum(column.cases for column in columns)


def test_a_search_is_a_search_with_other_filters_too(cases: tuple[World, list[Case]]) -> None:
    world, made = cases
    (person,) = world.service.waited_for()
    open_high = {one.case_id for one in made if one.status == "open" and one.priority == "high"}
    asked: dict[str, Any] = {"words": "c-", "priority": "high"}
    of_person = shown(world, BoardFilter(**asked, assignees=frozenset({person})))[0]
    resting = shown(world, BoardFilter(**asked, step=("supply_exception", "")))[0]
    assert of_person | resting == open_high
    assert not of_person & resting
    assert shown(world, BoardFilter(**asked, assignees=frozenset({"nobody"}))) == (set(), 0)
    assert shown(world, BoardFilter(**asked, template_id="another")) == (set(), 0)


def test_sqlite_never_looks_through_one_table_for_every_row_of_another(cases: tuple[World, list[Case]]) -> None:
    """It takes no stock of its tables, so a statement must leave it no choice; a wrong one costs minutes."""
    world, _ = cases
    if world.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL knows how large its tables are")
    ran: list[tuple[str, Any]] = []
    sa.event.listen(world.engine, "before_cursor_execute", lambda *given: ran.append((given[2], given[3])))
    template, step = {"template_id": "supply_exception"}, {"step": ("supply_exception", "judge")}
    given: list[dict[str, Any]] = [{}, template, {"priority": "high"}, step, {"assignees": frozenset({"q1"})}]
    with mock.patch.object(board_rows, "_FEW", 0):
        for asked, words, status in product(given, ("", "c-"), ("open", "closed", None)):
            shown(world, BoardFilter(**asked, words=words, status=status))
    joins = 0
    with world.engine.connect() as connection:
        for text, values in {text: values for text, values in ran if text.startswith("SELECT")}.items():
            loops: dict[int, list[str]] = {}
            for _, parent, _, detail in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).tuples():
                if detail.startswith(("SCAN", "SEARCH")):
                    loops.setdefault(parent, []).append(detail)
            for first, *inner in loops.values():
                joins += len(inner)
                assert all("case_id=?" in detail for detail in inner), f"{first}\n{inner}\n{text}"
    assert joins
