"""What whoever opened a case in Slack is told about it, once: the form that he sent in leaves nothing behind.

Belongs here: when and to whom. What it says is ``opened_message``; the other messages of a case are ``outgoing``. Pure.
"""

from __future__ import annotations

from workflow_jobs.engine import events as e
from workflow_jobs.outgoing_message import CARD
from workflow_jobs.outgoing_writer import Writer, person_card
from workflow_jobs.slack.opened_message import opened_message


def confirm(writer: Writer, event: e.CaseOpened) -> None:
    """Tell the requester of the case that he opened in Slack; what it says of its first steps is not told him again.

    Who opens a case over the API has its answer, and a case that another one opened is no request of his.
    """
    case, told = writer.case, writer.telling
    asker = case.requested_by
    if asker is None or told.via != "slack" or case.parent_case_id is not None:
        return
    writer.seq = event.seq
    message = opened_message(case, told.template, told.read_by(asker))
    card = person_card(case.case_id, asker)
    writer.add(CARD, f"opened/{asker}", message, to=writer.person(asker), card=card, with_case=True)
    writer.knows_of_asking.add(asker)
