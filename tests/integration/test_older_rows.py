"""What a process of an older version writes after the tables have new columns is set right by those that run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.engine_world import MONDAY, human
from tests.integration.test_due_scans import POOL, break_cases
from tests.integration.test_timekeeping import WAIT, Shop
from workflow_jobs.cases import OpenRequest
from workflow_jobs.store.tables import case, task
from workflow_jobs.timekeeping import OLDER_ROWS_EVERY


def opened(shop: Shop, subject: str, priority: str = "normal") -> str:
    request = OpenRequest(template_id="small", rule_id="r", subject_id=subject, priority=priority)
    return shop.service.open_case(request).case_id


def written_by_older(shop: Shop, cases: Sequence[str]) -> None:
    """Leave the rows of these cases as a process leaves them that does not know the newer columns."""
    with shop.engine.begin() as connection:
        connection.execute(task.update().where(task.c.case_id.in_(cases)).values(claim_until=None, priority="normal"))
        connection.execute(case.update().where(case.c.case_id.in_(cases)).values(rests=False))


def tasks(shop: Shop) -> dict[str, tuple[datetime | None, str]]:
    with shop.engine.connect() as connection:
        found = connection.execute(sa.select(task.c.case_id, task.c.claim_until, task.c.priority)).tuples()
        return {case_id: (until, priority) for case_id, until, priority in found}


def resting(shop: Shop) -> list[str]:
    with shop.engine.connect() as connection:
        return list(
            connection.execute(sa.select(case.c.case_id).where(case.c.rests).order_by(case.c.case_id)).scalars()
        )


def test_a_pooled_task_of_an_older_process_is_handed_out_in_time(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, POOL, head="")
    case_id, asleep, taken = (opened(shop, f"S{n}", "urgent") for n in range(3))
    shop.service.snooze(f"{asleep}.a.1", 1, "b2", MONDAY + timedelta(days=3), "later")
    shop.service.claim(f"{taken}.a.1", 1, "b1")
    right = tasks(shop)
    assert right[case_id][0] is not None and right[asleep][0] is right[taken][0] is None
    written_by_older(shop, [case_id, asleep, taken])
    shop.restart()
    assert shop.service.hand_out_pools() == 0
    assert tasks(shop) == right
    shop.clock.advance(timedelta(hours=3))
    assert shop.service.hand_out_pools() == 1


def test_what_is_written_after_the_start_is_found_within_the_hour(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, POOL, head="")
    shop.service.hand_out_pools()
    case_id = opened(shop, "S1")
    right = tasks(shop)
    written_by_older(shop, [case_id])
    shop.service.hand_out_pools()
    assert tasks(shop)[case_id][0] is None, "it costs a look at all that is open: not every time"
    shop.clock.advance(OLDER_ROWS_EVERY)
    shop.service.hand_out_pools()
    assert tasks(shop) == right


def test_whether_a_case_rests_is_set_right_in_both_directions(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, f"- {human('a')}\n- {WAIT}\n", head="")
    waits, asks, ended = (opened(shop, f"S{n}") for n in range(3))
    shop.service.decide_task(f"{waits}.a.1", 1, "b1", "ok", {})
    shop.service.withdraw_case(ended, "pm", "not needed")
    assert resting(shop) == [waits]
    with ops_engine.begin() as connection:
        connection.execute(case.update().values(rests=sa.not_(case.c.rests)))
    assert resting(shop) == [asks, ended]
    shop.restart()
    shop.service.hand_out_pools()
    assert resting(shop) == [waits]


def test_a_case_that_cannot_be_read_keeps_no_other_from_being_set_right(
    ops_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(ops_engine, POOL, head="")
    cases = [opened(shop, f"S{n}") for n in range(3)]
    right = tasks(shop)
    written_by_older(shop, cases[1:])
    with ops_engine.begin() as connection:
        connection.execute(case.update().where(case.c.case_id == cases[1]).values(state={"state_version": 1}))
    shop.restart()
    shop.clock.advance(timedelta(hours=3))
    break_cases(shop, monkeypatch, cases[:1])
    with pytest.raises(ExceptionGroup, match="hand_out_pools failed for 2 case") as caught:
        shop.service.hand_out_pools()
    assert [note for one in caught.value.exceptions for note in one.__notes__] == [f"case {one}" for one in cases[:2]]
    assert tasks(shop)[cases[2]] == right[cases[2]]
