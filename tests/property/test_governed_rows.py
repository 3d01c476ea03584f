"""Whatever a reader asks for rows: nothing of what its role does not see is in the answer, nor decides it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ops_assets.access import AccessRefused, Reader, SecurityClass
from ops_assets.access_file import load_access_policy
from ops_assets.definition_bundle import DefinitionBundle
from ops_assets.dictionary.security import ModelSecurity, RowFilterSpec
from ops_assets.governed_rows import GovernedRows, Order, RowsError
from ops_assets.row_conditions import Condition
from resources.serving import Snapshot, SnapshotInfo

POLICY = load_access_policy(key=b"key")
CLASSES: dict[str, SecurityClass] = {
    "task": "internal", "team": "internal", "name": "personal", "age": "personal", "cost": "confidential",
    "note": "confidential",
}  # fmt: skip
ROWS = [(f"T{n}", f"D{n % 3}", f"Person {n % 7}", 20 + n, 100 + n / 4, f"secret {n}") for n in range(40)]
SECRETS: dict[str, set[Any]] = {
    name: {row[at] for row in ROWS} for name, at in (("name", 2), ("age", 3), ("cost", 4), ("note", 5))
}
COLUMNS = list(CLASSES)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GovernedRows]:
    folder = tmp_path_factory.mktemp("rows")
    (folder / "parts").mkdir()
    with duckdb.connect(str(folder / "s.duckdb")) as db:
        db.execute(
            "create table fct_work (task varchar, team varchar, name varchar, age integer, cost double, note varchar,"
            " _batch_seq bigint, added_later varchar)"
        )
        db.executemany("insert into fct_work values (?, ?, ?, ?, ?, ?, 1, 'x')", ROWS)
        db.execute("create table metric_subject (subject varchar)")
        db.execute("create table people (person_id varchar, name varchar, department_id varchar)")
        db.execute("insert into people values ('E1', 'Li', 'D1'), ('E2', 'Ma', 'D2')")
    info = SnapshotInfo("s", 1, datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1), "dongchen", 1, ())
    snapshot = Snapshot(info, folder / "s.duckdb", folder / "parts")
    filtered = RowFilterSpec(department="team")
    bundle = DefinitionBundle(
        metrics={},
        security={
            "fct_work": ModelSecurity(columns=CLASSES, row_filter=filtered),
            "dim_person": ModelSecurity(
                columns={"person_id": "personal", "name": "personal", "department_id": "internal"},
                row_filter=RowFilterSpec(department="department_id"),
            ),
        },
    )
    yield GovernedRows(snapshot, bundle, POLICY)
    snapshot.close()


def reader(role: str, *departments: str) -> Reader:
    return Reader("test", role, frozenset(departments))


conditions = st.builds(
    lambda column, op, values: (column, op, values[: 0 if op.endswith("null") else 1]),
    st.sampled_from(COLUMNS),
    st.sampled_from(["eq", "ne", "lt", "ge", "is_null", "is_not_null"]),
    st.lists(st.one_of(st.sampled_from(["T1", "Person 3", "x' or 1=1 --"]), st.integers(0, 99)), min_size=1),
)


@given(
    role=st.sampled_from(sorted(POLICY.roles)),
    departments=st.sets(st.sampled_from(["D0", "D1", "D2", "D9"])),
    columns=st.none() | st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=4),
    where=st.lists(conditions, max_size=2),
    order=st.lists(st.tuples(st.sampled_from(COLUMNS), st.booleans()), max_size=2),
    limit=st.integers(1, 50),
)
def test_no_answer_holds_what_the_role_does_not_see(
    rows: GovernedRows, role: str, departments: set[str], columns: list[str] | None, where: list[Any],
    order: list[tuple[str, bool]], limit: int,
) -> None:  # fmt: skip
    asking = reader(role, *departments)
    view = rows.view("fct_work", asking)
    hidden = {*view.masked, *view.left_out}
    judged = {column for column, _, _ in where} | {column for column, _ in order}
    stated = [Condition(column=column, op=op, values=tuple(values)) for column, op, values in where]
    try:
        table = rows.read("fct_work", asking, columns, stated, limit, [Order(*one) for one in order])
    except AccessRefused:
        assert judged & hidden or set(columns or COLUMNS) <= set(view.left_out)
        return
    except RowsError as error:
        assert "does not fit" in str(error)
        return
    assert not judged & hidden
    assert not set(table.columns) & set(view.left_out)
    assert len(table.rows) <= limit
    filtered = POLICY.roles[role].rows == "own_departments"
    for row in table.dicts():
        for column in hidden & set(row):
            assert row[column] not in SECRETS[column]
        if filtered and "team" in row:
            assert row["team"] in departments
        assert "_batch_seq" not in row
    if filtered and not departments:
        assert table.rows == ()
    assert set(table.hidden.masked) == set(view.masked) & set(columns or COLUMNS)


def test_masked_rows_keep_who_is_the_same_person(rows: GovernedRows) -> None:
    table = rows.read("fct_work", reader("analyst"), ["name", "age", "task"], order=[Order("task")], limit=40)
    names: dict[int, set[str]] = {}
    for name, age, task in table.rows:
        assert age is None
        names.setdefault(int(task[1:]) % 7, set()).add(name)
    assert {len(found) for found in names.values()} == {1}
    assert len({*map(tuple, names.values())}) == 7
    assert table.hidden.sentence() == "For your role masked: name, age."


@pytest.mark.parametrize("role", ["analyst", "finance", "employee"])
@pytest.mark.parametrize("use", ["where", "order"])
def test_a_hidden_column_is_no_oracle(rows: GovernedRows, role: str, use: str) -> None:
    asked: dict[str, Any] = {"where": {"where": [Condition(column="name", values=("Person 1",))]}}.get(use, {})
    if use == "order":
        asked = {"order": [Order("name")]}
    with pytest.raises(AccessRefused, match=r"'name' is personal and cannot be used to (filter|order) by a reader"):
        rows.read("fct_work", reader(role, "D1"), ["task"], **asked)


def test_pages_do_not_overlap_and_say_whether_there_is_more(rows: GovernedRows) -> None:
    pages = [rows.read("fct_work", reader("admin"), ["task"], limit=15, offset=start) for start in (0, 15, 30)]
    assert [page.more for page in pages] == [True, True, False]
    assert sorted(row for page in pages for row in page.rows) == sorted((row[0],) for row in ROWS)


def test_typed_conditions_select_rows(rows: GovernedRows) -> None:
    def found(*where: Condition) -> set[str]:
        return {row[0] for row in rows.read("fct_work", reader("admin"), ["task"], where, limit=100).rows}

    assert found(Condition(column="age", op="lt", values=(22,))) == {"T0", "T1"}
    assert found(Condition(column="task", op="in", values=("T1", "T2", "nobody"))) == {"T1", "T2"}
    assert len(found(Condition(column="task", op="not_in", values=("T1",)))) == 39
    assert found(Condition(column="cost", op="is_null")) == set()
    assert found(Condition(column="task", values=("T1' or '1'='1",))) == set()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"columns": ["salary"]}, "columns: there is no column salary. There are: task, team"),
        ({"columns": ["_batch_seq"]}, "no column _batch_seq"),
        ({"where": [Condition(column="1=1 or task", values=("x",))]}, "where: there is no column"),
        ({"order": [Order("task; drop table fct_work")]}, "order: there is no column"),
        ({"where": [Condition(column="age", values=("young",))]}, "does not fit its column"),
        ({"limit": 0}, "limit must be from 1 to 10,000"),
        ({"limit": 10_001}, "limit must be from 1 to 10,000"),
        ({"offset": -1}, "offset 0 or more"),
    ],
)
def test_a_wrong_request_says_what_to_change(rows: GovernedRows, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(RowsError, match=says):
        rows.read("fct_work", reader("admin"), **changes)


@pytest.mark.parametrize("relation", ["metric_subject", "nothing", "metrics; select 1", "duckdb_settings"])
def test_only_relations_of_the_dictionary_are_shown(rows: GovernedRows, relation: str) -> None:
    with pytest.raises(RowsError, match="There is no relation"):
        rows.read(relation, reader("admin"))


def test_tables_of_the_directory_follow_their_models(rows: GovernedRows) -> None:
    (row,) = rows.read("people", reader("employee", "D2")).dicts()
    assert row["department_id"] == "D2"
    assert row["name"].startswith("person-")
    assert rows.read("people", reader("hr")).dicts()[0]["name"] == "Li"


@pytest.mark.parametrize(("op", "values"), [("eq", ()), ("eq", (1, 2)), ("in", ()), ("is_null", (1,))])
def test_a_condition_takes_as_many_values_as_its_operator(op: str, values: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError, match="the operator"):
        Condition.model_validate({"column": "task", "op": op, "values": values})
