"""What a process must have once is built once, whichever Python runs it and however many threads ask first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from resources.built_once import built_once
from resources.platform import Platform
from resources.settings import Settings

THREADS = 4


class House:
    """Builds slowly enough that all threads ask before the first is done."""

    def __init__(self) -> None:
        self.built = 0
        self._asked = threading.Barrier(THREADS)

    @built_once
    def door(self) -> object:
        self.built += 1
        return object()

    def asked(self) -> object:
        self._asked.wait(5)
        return self.door


def test_threads_that_ask_at_once_get_the_same() -> None:
    for _ in range(20):
        house = House()
        with ThreadPoolExecutor(THREADS) as threads:
            doors = {id(one) for one in threads.map(lambda _, house=house: house.asked(), range(THREADS))}
        assert (house.built, len(doors)) == (1, 1)


def test_what_a_higher_layer_builds_for_a_platform_is_built_once_and_for_each_platform(tmp_path: Path) -> None:
    one, other = Platform(Settings(home=tmp_path / "one")), Platform(Settings(home=tmp_path / "other"))
    built: list[Platform] = []
    building = threading.Event()

    def slow(platform: Platform) -> object:
        built.append(platform)
        building.wait(0.05)
        return object()

    with ThreadPoolExecutor(THREADS) as threads:
        found = set(threads.map(lambda _: one.once(slow), range(THREADS)))
    assert built == [one]
    assert found == {one.once(slow)}
    assert other.once(slow) not in found
