"""The rows of keys that are not once on both sides of a month: collected from all months, and paired.

The stages are those of ops_assets.reconciliation.matching, which pairs a few rows itself; for many it is done in SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from ops_assets.reconciliation.matching import STAGES, Row, match
from ops_assets.reconciliation.side_sql import row_order

if TYPE_CHECKING:
    from ops_assets.reconciliation.row_level import RowLevel

_SIDES = ("rec_o", "rec_t")


class KeyPairing:
    """Pairs the rows of the keys in ``rec_key`` and puts them into ``rec_found``."""

    def __init__(self, level: RowLevel, *, few: int, sparing: bool) -> None:
        """``few`` is the number of rows up to which Python pairs; ``sparing`` reads whole rows of few days only."""
        self._level = level
        self._db = level.db
        self._layout = level.layout
        self._few = few
        self._sparing = sparing
        comparison = level.comparison
        self._added_up = (comparison.adds_up(comparison.ours), comparison.adds_up(comparison.theirs))

    def pair(self) -> None:
        """Pair all rows of the keys in ``rec_key``, whatever their month, stage by stage."""
        keys = list(self._layout.keys)
        for side in (0, 1):
            self._collect(side)
        self._db.execute(
            "delete from rec_found where rowid in "
            f"(select rec_found.rowid from rec_found semi join rec_key on {self._level.same_key()})"
        )
        for side, letter in enumerate("ot"):
            if self._added_up[side]:
                self._insert_single(letter, f"select *, 'counted_twice' as kind from rec_left_{letter} where twice")
                self._db.execute(f"delete from rec_left_{letter} where twice")
        if self._few_left():
            self._pair_few()
            return
        for letter in "ot":
            self._db.execute(
                f"create or replace temp table rec_seen_{letter} as "
                f"select distinct {', '.join(keys)}, true as is_there from rec_left_{letter}"
            )
        for stage in STAGES:
            common = [*keys, *(name for name in ("day", "month") if name in stage)]
            common += [f"x_{name}" for name in self._layout.shared] if "inputs" in stage else []
            self._pair_stage(common)
        for letter, other in (("o", "t"), ("t", "o")):
            self._take_unpaired(letter, other)

    # -- collecting ---------------------------------------------------------------------------------------------------

    def _collect(self, side: int) -> None:
        """All rows of the keys into ``rec_left_*``, numbered in the stated order."""
        letter, relation = "ot"[side], _SIDES[side]
        left, order = f"rec_left_{letter}", ", ".join(row_order(self._layout, side))
        rows = f"select * from {relation} semi join rec_key on {self._level.same_key(relation)}"
        if self._sparing and not self._added_up[side]:
            rows = self._sparing_rows(side)
        self._db.execute(
            f"create or replace temp table {left} as select row_number() over (order by {order}) as id, "
            f"cast(date_trunc('month', day) as date) as month, * from ({rows}) as collected"
        )

    def _sparing_rows(self, side: int) -> str:
        """The same rows, most of them from what the join left alone.

        A key without counterpart in a month was left alone with all its rows there. Other rows of the keys are found by
        key and day, and read whole on those days only.
        """
        letter, relation = "ot"[side], _SIDES[side]
        keys = [*self._layout.keys, "day"]
        alone = ", ".join(
            [*self._layout.keys, *(f"{letter}_{name} as {name}" for name in self._layout.row_columns(side))]
        )
        kind = "ours" if side == 0 else "theirs"
        self._db.execute(f"create or replace temp table rec_alone_{letter} as "
                         f"select {alone} from rec_found where kind = '{kind}'")  # fmt: skip
        same = " and ".join(f"here.{key} is not distinct from alone.{key}" for key in keys)
        listed = ", ".join(keys)
        self._db.execute(
            f"""
            create or replace temp table rec_day_{letter} as
            select distinct here.day
            from (
                select {listed}, count(*) as rows from {relation}
                semi join rec_key on {self._level.same_key(relation)} group by {listed}
            ) as here
            left join (select {listed}, count(*) as rows from rec_alone_{letter} group by {listed}) as alone on {same}
            where here.rows is distinct from alone.rows
            """
        )
        first, last = self._db.execute(f"select min(day), max(day) from rec_day_{letter}").fetchone() or (None, None)
        columns = ", ".join([*self._layout.keys, *self._layout.row_columns(side)])
        kept = f"select {columns} from rec_alone_{letter} anti join rec_day_{letter} using (day)"
        if first is None:
            return kept
        return (
            f"{kept} union all select {columns} from (select * from {relation} where day between date '{first}' and "
            f"date '{last}' and day in (select day from rec_day_{letter})) as {relation} "
            f"semi join rec_key on {self._level.same_key(relation)}"
        )

    # -- pairing ------------------------------------------------------------------------------------------------------

    def _few_left(self) -> bool:
        found = self._db.execute(
            "select (select count(*) from rec_left_o) + (select count(*) from rec_left_t)"
        ).fetchone()
        return found is not None and found[0] <= self._few

    def _pair_few(self) -> None:
        """The same in Python: for a few rows, thirty statements cost more than the rows."""
        rows = [self._left_rows(side) for side in (0, 1)]
        matches = match(
            list(rows[0].values()),
            list(rows[1].values()),
            self._layout.shared,
            ours_added_up=self._added_up[0],
            theirs_added_up=self._added_up[1],
        )
        ids = [{id(row): number for number, row in side.items()} for side in rows]
        listed = [
            (
                None if each.ours is None else ids[0][id(each.ours)],
                None if each.theirs is None else ids[1][id(each.theirs)],
                each.kind,
            )
            for each in matches
        ]
        keys = ", ".join(f"coalesce(o.{key}, t.{key})" for key in self._layout.keys)
        self._db.execute(
            f"insert into rec_found select {keys}, matched.kind, {self._level.both_sides()} "
            "from (select unnest(?::bigint[]) as o_id, unnest(?::bigint[]) as t_id, unnest(?::varchar[]) as kind) "
            "as matched left join rec_left_o as o on o.id = o_id left join rec_left_t as t on t.id = t_id",
            [[o for o, _, _ in listed], [t for _, t, _ in listed], [kind for _, _, kind in listed]],
        )

    def _left_rows(self, side: int) -> dict[int, Row]:
        names = [name for name in self._layout.inputs if name in self._layout.known[side]]
        columns = ["id", *self._layout.keys, "day", "n", "d", *(f"x_{name}" for name in names)]
        found = {}
        for number, *rest in self._db.execute(
            f"select {', '.join(columns)} from rec_left_{'ot'[side]} order by id"
        ).fetchall():
            width = len(self._layout.keys)
            key, (day, numerator, denominator, *inputs) = tuple(rest[:width]), rest[width:]
            exact = {n: None if x is None else Fraction(x) for n, x in zip(names, inputs, strict=True)}
            found[number] = Row(key, day, Fraction(numerator), Fraction(denominator), exact)
        return found

    def _pair_stage(self, common: Sequence[str]) -> None:
        numbered = (
            f"select *, row_number() over (partition by {', '.join(common)} order by id) as place from rec_left_{{}}"
        )
        same = " and ".join(f"o.{name} is not distinct from t.{name}" for name in (*common, "place"))
        self._db.execute(
            f"create or replace temp table rec_pair as select o.id as o_id, t.id as t_id "
            f"from ({numbered.format('o')}) as o join ({numbered.format('t')}) as t on {same}"
        )
        self._db.execute(
            f"insert into rec_found select {', '.join(f'o.{key}' for key in self._layout.keys)}, 'pair', "
            f"{self._level.both_sides()} "
            "from rec_pair join rec_left_o as o on o.id = o_id join rec_left_t as t on t.id = t_id"
        )
        for letter in "ot":
            self._db.execute(f"delete from rec_left_{letter} where id in (select {letter}_id from rec_pair)")

    def _take_unpaired(self, letter: str, other: str) -> None:
        added_up = self._added_up["ot".index(letter)]
        keys = ", ".join(self._layout.keys)
        known = f"case when seen.is_there then '{'other_period' if added_up else 'counted_twice'}'"
        again = "'only_here'" if added_up else "case when place > 1 then 'counted_twice' else 'only_here' end"
        self._insert_single(
            letter,
            f"select unpaired.*, {known} else {again} end as kind "
            f"from (select *, row_number() over (partition by {keys} order by id) as place from rec_left_{letter}) "
            f"as unpaired left join rec_seen_{other} as seen on {self._level.same_key('unpaired', 'seen')}",
        )

    def _insert_single(self, letter: str, query: str) -> None:
        names = self._layout.row_columns("ot".index(letter))
        columns = ", ".join([*self._layout.keys, "kind", *(f"{letter}_{name}" for name in names)])
        values = ", ".join([*self._layout.keys, "kind", *names])
        self._db.execute(f"insert into rec_found ({columns}) select {values} from ({query}) as single")
