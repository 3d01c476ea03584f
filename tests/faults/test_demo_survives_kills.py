"""kill -9 of any process of the demo, at any moment: started again, the loop closes with the same one case."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.demo_kills import cases_of, refreshed_home, run_with_kills
from tests.walk.conftest import free_ports

_KILLS, _SOAK_KILLS = 1, 20


def test_the_loop_closes_whatever_is_killed(
    pytestconfig: pytest.Config, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    home = tmp_path / "home"
    (first_port, *_) = free_ports(3)
    if pytestconfig.getoption("--soak"):
        # From nothing, so that the first start is killed too.
        outcome = run_with_kills(home, kills=_SOAK_KILLS, seed=20261122, first_port=first_port, within=(15, 60))
    else:
        refreshed_home(home, request.getfixturevalue("empty_home"))
        # With this seed in the middle of the loop, while the run of the service step is under way.
        outcome = run_with_kills(home, kills=_KILLS, seed=7, first_port=first_port)
    assert outcome.code == 0, f"killed: {outcome.victims}\n{outcome.output[-4000:]}"
    assert len(cases_of(home)) == 1
    assert "the case was effective" in outcome.output
    print(f"{len(outcome.victims)} kills survived: {outcome.victims}")
