"""Any question put to any group chat ends, by somebody of the company or by nobody; reading keeps the chat's order."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine_world import MONDAY, ROLES, calendar, people
from workflow_jobs.simulation.assumptions import assumptions
from workflow_jobs.simulation.chat import Question, answer
from workflow_jobs.simulation.draws import Draws
from workflow_jobs.simulation.office import Office
from workflow_jobs.simulation.reading_order import ReadingOrder

SHARES = st.floats(0, 1)
HOURS = st.integers(0, 24 * 30)


def office(seed: int, **changes: float) -> Office:
    return Office(people(), calendar(), Draws(seed), assumptions().changed(changes))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    hours=HOURS,
    role=st.sampled_from(ROLES),
    approval=st.booleans(),
    handed_on=st.booleans(),
    names=SHARES,
    wrong=SHARES,
    forgets=SHARES,
    takes=SHARES,
    skips=st.integers(0, 200),
)
def test_every_question_ends_and_says_how(
    seed: int,
    hours: int,
    role: str,
    approval: bool,
    handed_on: bool,
    names: float,
    wrong: float,
    forgets: float,
    takes: float,
    skips: int,
) -> None:
    world = office(
        seed,
        **{
            "chat.names_somebody": names,
            "chat.asks_wrong_person": wrong,
            "people.forgets": forgets,
            "chat.takes_unnamed": takes,
            "chat.gives_up_above": skips,
        },
    )
    holders = world.directory.candidates(role)
    others = tuple(sorted(set(world.directory.people) - set(holders)))
    question = Question(
        key=(hours, role),
        ready_at=MONDAY + timedelta(hours=hours),
        holders=holders,
        others=others,
        agreed=timedelta(hours=4),
        approval=approval,
        handed_on=handed_on,
    )

    def ask() -> object:
        return answer(world, cache(lambda person: ReadingOrder(world, person, MONDAY)), question)

    found = answer(world, cache(lambda person: ReadingOrder(world, person, MONDAY)), question)
    assert found == ask()
    assert found.at >= question.ready_at
    assert found.asked >= 1
    if found.how == "answered":
        assert found.by in holders
    elif found.how == "without_authority":
        assert found.by in others
    else:
        assert approval
        assert found.by is None
        assert found.asked >= world.assumed.chat.asks_at_most.value


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), posted=st.lists(HOURS, min_size=2, max_size=30), skips=st.integers(0, 400))
def test_messages_are_read_in_the_order_of_the_chat_or_skipped(seed: int, posted: list[int], skips: int) -> None:
    reading = ReadingOrder(office(seed, **{"chat.gives_up_above": skips}), "b1", MONDAY)
    instants = [MONDAY + timedelta(hours=hour) for hour in posted]
    read = {at: reading.read_at(at) for at in instants}
    assert read == {at: reading.read_at(at) for at in reversed(instants)}, "whatever is asked first"
    seen = [(at, read[at]) for at in sorted(read) if read[at] is not None]
    for at, when in seen:
        assert when is not None
        assert when >= at
    assert [when for _, when in seen] == sorted(when for _, when in seen if when is not None)
    if skips == 400:
        assert len(seen) == len(read), "nobody is away, so nothing is left unread for that long"
