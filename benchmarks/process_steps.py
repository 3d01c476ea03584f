"""Steps a second through the process service, beside the same writes in bare SQL.

A step is one command that people or jobs give: a case is opened, a decision is taken, a job's result comes in. Each is
one durable transaction with its events, tasks and messages. Workers are processes, as the gateway, the sensors and the
jobs are.
"""

from __future__ import annotations

import multiprocessing
import pickle
import shutil
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa

from benchmarks import process_company as company
from benchmarks.process_trace import Trace, recording, replay
from benchmarks.spread import Spread, table
from resources.ops_database import migrate, open_engine

SERVICE, BARE, BARE_JSON = "service", "bare SQL", "bare SQL that reads and writes its JSON"
WORKERS = (1, 4)
_LONGEST = 300  # seconds until workers must have ended
_processes = multiprocessing.get_context("fork")


@dataclass
class StepRates:
    """Steps a second, one value for each repetition, by (database, workers, what ran)."""

    rates: dict[tuple[str, int, str], list[float]] = field(default_factory=dict)

    def add(self, database: str, workers: int, what: str, rate: float) -> None:
        self.rates.setdefault((database, workers, what), []).append(rate)


class _Database(Protocol):
    """A kind of database: ``fresh`` gives the URL of a migrated one in which a case was opened already."""

    name: str

    def fresh(self) -> str: ...


def measure(work: Path, cases: int, repetitions: int, say: Callable[[str], None]) -> StepRates:
    """Walk ``cases`` cases in all to their end, with every number of workers on both databases."""
    rates = StepRates()
    steps = cases * company.STEPS_OF_A_CASE
    work.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        databases: list[_Database] = [Sqlite(work), Postgres(stack.enter_context(company.postgres()))]
        for database in databases:
            for repetition in range(repetitions):
                for workers in WORKERS:
                    traces, seconds = _serve(database.fresh(), workers, cases // workers, record=False)
                    rates.add(database.name, workers, SERVICE, steps / seconds)
                    traces, _ = _serve(database.fresh(), workers, cases // workers, record=True)
                    for what in (BARE, BARE_JSON):
                        url = database.fresh()
                        _, seconds = _together([(_replay, (url, trace, what == BARE_JSON)) for trace in traces])
                        rates.add(database.name, workers, what, steps / seconds)
                say(f"steps on {database.name}, repetition {repetition + 1} of {repetitions}")
    return rates


def steps_text(rates: StepRates) -> str:
    """One line for each database and number of workers."""
    rows = []
    for database, workers in dict.fromkeys((database, workers) for database, workers, _ in rates.rates):
        found = {what: Spread.of(rates.rates[database, workers, what]) for what in (SERVICE, BARE, BARE_JSON)}
        shares = [f"{found[SERVICE].median / found[what].median:.0%}" for what in (BARE, BARE_JSON)]
        rows.append([database, str(workers), *(found[what].text("/s") for what in found), *shares])
    header = ["database", "workers", SERVICE, BARE, BARE_JSON, "of bare", "of bare with JSON"]
    return "Steps of the process, each one durable transaction\n\n" + table(header, rows)


def steps_json(rates: StepRates) -> list[dict[str, Any]]:
    """Every single value."""
    return [
        {"database": database, "workers": workers, "what": what, "steps_per_second": Spread.of(values).to_json()}
        for (database, workers, what), values in rates.rates.items()
    ]


class Sqlite:
    """Files in one folder."""

    name = "SQLite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "template.db"
        _prepare(f"sqlite:///{self._template}")

    def fresh(self) -> str:
        for old in self._folder.glob("run-*"):
            old.unlink()
        path = self._folder / f"run-{uuid.uuid4().hex}.db"
        shutil.copyfile(self._template, path)
        return f"sqlite:///{path}"


class Postgres:
    """Databases of one server."""

    name = "PostgreSQL"

    def __init__(self, server: str) -> None:
        self._url = sa.make_url(server).set(drivername="postgresql+psycopg2")
        self._run("create database prepared")
        _prepare(self._of("prepared"))
        self._last: str | None = None

    def fresh(self) -> str:
        if self._last is not None:
            self._run(f"drop database {self._last} with (force)")
        self._last = f"run_{uuid.uuid4().hex}"
        self._run(f"create database {self._last} template prepared")
        return self._of(self._last)

    def _of(self, database: str) -> str:
        return self._url.set(database=database).render_as_string(hide_password=False)

    def _run(self, statement: str) -> None:
        engine = sa.create_engine(self._url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(statement))
        engine.dispose()


def _prepare(url: str) -> None:
    """Migrate, and open a case, so that the template's text is stored already."""
    engine = open_engine(url)
    migrate(engine)
    company.open_case(company.service_on(engine), "first")
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")
    engine.dispose()


def _serve(url: str, workers: int, cases: int, *, record: bool) -> tuple[list[Trace], float]:
    found, seconds = _together([(_walk, (url, f"w{n}", cases, record)) for n in range(workers)])
    return [pickle.loads(each) for each in found if each], seconds


def _walk(url: str, name: str, cases: int, record: bool) -> Callable[[], bytes]:
    engine = open_engine(url)
    service = company.service_on(engine)
    service.cases(limit=1)

    def work() -> bytes:
        trace = Trace()
        with ExitStack() as stack:
            if record:
                trace = stack.enter_context(recording(engine))
            for number in range(cases):
                case = company.open_case(service, f"{name}-{number}")
                for step in company.ORDER:
                    case = company.take_step(service, case, step)
        engine.dispose()
        return pickle.dumps(trace) if record else b""

    return work


def _replay(url: str, trace: Trace, encoding: bool) -> Callable[[], bytes]:
    def work() -> bytes:
        replay(url, trace, encoding=encoding)
        return b""

    return work


def _together(jobs: list[tuple[Callable[..., Callable[[], bytes]], tuple[Any, ...]]]) -> tuple[list[bytes], float]:
    """Prepare every job in a process of its own, start them all at once; their answers, and seconds until the last."""
    ready, go = _processes.Barrier(len(jobs) + 1), _processes.Barrier(len(jobs) + 1)
    answers: Any = _processes.Queue()

    def run(number: int, prepare: Callable[..., Callable[[], bytes]], arguments: tuple[Any, ...]) -> None:
        work = prepare(*arguments)
        ready.wait()
        go.wait()
        began = time.perf_counter()
        answer: bytes | None = None
        try:
            answer = work()
        finally:
            answers.put((number, began, time.perf_counter(), answer))

    running = [_processes.Process(target=run, args=(n, *job)) for n, job in enumerate(jobs)]
    for process in running:
        process.start()
    ready.wait()
    go.wait()
    found = sorted(answers.get(timeout=_LONGEST) for _ in running)
    for process in running:
        process.join()
    if any(answer is None for *_, answer in found):
        raise RuntimeError("A worker failed; its error stands above.")
    return [answer for *_, answer in found], max(end for _, _, end, _ in found) - min(begin for _, begin, _, _ in found)
