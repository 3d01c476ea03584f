"""A due date beyond what is published of the working calendar is marked wherever it is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from resources.clock import FixedClock
from tests.gateway_stack import Stack, running_stack
from workflow_jobs.store.tables import outbox

PAGE = {
    "en": "Holidays of that year are not published yet, so this date may move.",
    "zh": "该年度节假日安排尚未公布，日期可能变动。",
}
CARD = "holidays of that year are not published yet, so this date may move"
SHORT = {"en": "may move</em>", "zh": "可能变动</em>"}


def told(stack: Stack, case_id: str) -> tuple[bool, bool, bool]:
    """Whether the card, the English and the Chinese page say it."""
    with stack.context.engine.connect() as connection:
        found = connection.execute(sa.select(outbox.c.payload).where(outbox.c.case_id == case_id))
        card = any(CARD in str(payload) for payload in found.scalars())
    pages = {language: stack.http.get(f"/cases/{case_id}?lang={language}").text for language in PAGE}
    return card, PAGE["en"] in pages["en"], PAGE["zh"] in pages["zh"]


def test_the_user_is_told_when_a_due_date_is_not_certain(tmp_path: Path) -> None:
    monday = datetime(2026, 11, 16, 1, 30, tzinfo=UTC)
    clock = FixedClock(monday)
    with running_stack(tmp_path / "home", clock) as stack:
        assert told(stack, stack.open_case_undelivered("V-0001", "Certain")) == (False, False, False)
        # 15:00 of the last day that is published: four working hours end in the year after it.
        clock.advance(datetime(2026, 12, 31, 7, 0, tzinfo=UTC) - monday)
        unsure = stack.open_case_undelivered("V-0002", "Not certain")
        due = stack.context.service.tasks(case_id=unsure)[0].due_at
        assert due - clock.now() > timedelta(hours=15)
        assert told(stack, unsure) == (True, True, True)
        for page in ("/cases", "/"):
            shown = {
                language: stack.http.get(f"{page}?lang={language}").text.count(SHORT[language]) for language in PAGE
            }
            assert shown == {"en": 1, "zh": 1}, page
