"""Order change through every branch, on SQLite and PostgreSQL, reloaded between any two steps."""

from __future__ import annotations

from sqlalchemy.engine import Engine

from tests.template_walks import Walks, shipped_library, walk_every_branch


def test_an_order_change_takes_every_branch(ops_engine: Engine) -> None:
    walks = walk_every_branch(Walks(shipped_library().get("order_change"), ops_engine))
    assert {turn for turn in walks.all if turn[0] != "outcome"} == {
        *(("tier", "approve", tier) for tier in "012"),
        *(("rule", "kind", rule) for rule in ("quantity", "date", "spec", "other")),
        *(("rule", "answered", rule) for rule in ("confirmed", "silent")),
        *(("wait", "customer", end) for end in ("elapsed", "signalled")),
        *(("branch", "feasibility", branch) for branch in "01"),
        *(("withdrawn", by) for by in ("requester", "owner")),
        *(("effect", judged) for judged in ("effective", "ineffective")),
    }
    assert walks.reloads > 60
