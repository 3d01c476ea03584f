"""What a request for a case may say about its subject, before anything is read or written."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.process_world import request
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.store.tables import case

NAMES = ("rule_id", "subject_id", "subject_kind", "subject_label", "metric")


@pytest.mark.parametrize("name", NAMES)
def test_a_text_that_no_row_can_keep_is_refused_by_name(name: str) -> None:
    kind = case.c[name].type
    assert isinstance(kind, sa.String) and kind.length is not None
    longest = kind.length
    assert getattr(request(**{name: "é" * longest}), name) == "é" * longest
    with pytest.raises(Refused, match=f"The {name} of a case is too long: {longest + 1} characters, at most {longest}"):
        request(**{name: "x" * (longest + 1)})
    with pytest.raises(Refused, match=rf"The {name} of a case has a control character.*character 2 is U\+0000"):
        request(**{name: "x\0"})


@pytest.mark.parametrize(
    ("name", "value", "there_are"),
    [
        ("priority", "URGENT", "urgent, high, normal, low"),
        ("priority", "", "urgent, high, normal, low"),
        ("direction", "sideways", 'above, below, ""'),
    ],
)
def test_a_priority_or_direction_that_there_is_not_is_refused_by_name(name: str, value: str, there_are: str) -> None:
    with pytest.raises(Refused, match=f"The {name} of a case is one of {there_are}, not '{value}'") as refused:
        request(**{name: value})
    assert name in refused.value.said("zh")
    assert request(priority="low", direction="above").priority == "low"
