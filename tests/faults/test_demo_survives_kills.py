"""kill -9 of any process of the demo, at any moment: started again, the loop closes with the same one case."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.demo_kills import cases_of, run_with_kills
from tests.walk.conftest import free_ports

_KILLS, _SOAK_KILLS = 1, 20


def test_the_loop_closes_whatever_is_killed(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    kills = _SOAK_KILLS if pytestconfig.getoption("--soak") else _KILLS
    (first_port, *_) = free_ports(3)
    outcome = run_with_kills(tmp_path / "home", kills=kills, seed=20261122, first_port=first_port, within=(15, 60))
    assert outcome.code == 0, f"killed: {outcome.victims}\n{outcome.output[-4000:]}"
    assert len(cases_of(tmp_path / "home")) == 1
    assert "the case was effective" in outcome.output
    print(f"{len(outcome.victims)} kills survived: {outcome.victims}")
