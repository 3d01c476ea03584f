"""New product introduction through every branch, on SQLite and PostgreSQL, reloaded between any two steps."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import Engine

from tests.template_walks import Walks, shipped_library, walk_every_branch


def test_a_new_product_takes_every_branch(ops_engine: Engine, tmp_path: Path) -> None:
    walks = walk_every_branch(
        Walks(shipped_library().get("new_product_introduction"), ops_engine, folder=tmp_path / "evidence")
    )
    assert {turn for turn in walks.all if turn[0] != "outcome"} == {
        *(("tier", "approve", tier) for tier in "012"),
        *(("rule", "preparation", rule) for rule in ("tooling", "supplier", "nothing")),
        *(("wait", step, end) for step in ("tools_arrive", "samples") for end in ("elapsed", "signalled")),
        ("divided", "gate"),
        *(("withdrawn", by) for by in ("requester", "owner")),
        *(("effect", judged) for judged in ("effective", "ineffective")),
    }
    assert walks.reloads > 60
