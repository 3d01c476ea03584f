"""Metric queries at millions of fact rows: latency by what is kept, beside the same SQL in bare DuckDB, and memory.

In this process the semantic layer and bare DuckDB are asked alike: N threads, each asking again at once, so that at 8
clients on few cores the latency is mostly waiting. Over HTTP a gateway of its own is asked by another process.
"""

from __future__ import annotations

import http.client
import itertools
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import duckdb
import psutil

from benchmarks.query_world import DAYS, ITEMS_OF_EACH, LAST_DAY, NOW, RAW, ROLLED, SUPPLIERS, QueryWorld, make_world
from benchmarks.spread import Spread, table
from benchmarks.stack import free_ports
from ops_assets.access import Reader
from ops_assets.access_file import load_access_policy
from ops_assets.semantic.queries import MetricQueries
from ops_assets.semantic.query import Filter, Grain, MetricQuery, Order, TimeRange
from resources.settings import PROJECT_ROOT

KINDS = ("result cached", "shape cached, roll-up", "shape cached, rows", "compile miss, roll-up")
CLIENTS = (1, 8)
READER = Reader("benchmark", "admin")
_ASKED = {"result cached": 300, "shape cached, roll-up": 60, "shape cached, rows": 20, "compile miss, roll-up": 40}
_DISTINCT = 10_000
_WEIGH_EVERY = 500


@dataclass
class Latency:
    """p50 and p95 in ms of each repetition."""

    p50: list[float] = field(default_factory=list)
    p95: list[float] = field(default_factory=list)

    def add(self, seconds: Sequence[float]) -> None:
        cuts = statistics.quantiles(seconds, n=20, method="inclusive")
        self.p50.append(1000 * statistics.median(seconds))
        self.p95.append(1000 * cuts[18])


@dataclass
class QueryTimes:
    """Latencies by kind and clients: of the layer in this process, bare DuckDB, and HTTP; and memory in MB."""

    rows: int
    rolled_up: int
    layer: dict[tuple[str, int], Latency] = field(default_factory=dict)
    bare: dict[tuple[str, int], Latency] = field(default_factory=dict)
    http: dict[tuple[str, int], Latency] = field(default_factory=dict)
    memory: list[float] = field(default_factory=list)
    distinct: int = 0


def measure(home: Path, rows: int, repeat: int, say: Callable[[str], None], *, distinct: int = _DISTINCT) -> QueryTimes:
    """Make the world in ``home`` and measure everything."""
    world = make_world(home, rows, say)
    times = QueryTimes(rows, world.rolled_up)
    for repetition in range(repeat):
        for kind in KINDS:
            for clients in CLIENTS:
                _measure_here(world, kind, clients, repetition, times)
        say(f"repetition {repetition + 1}: asked in this process")
    with _gateway(world) as server:
        for repetition in range(repeat):
            for kind in KINDS:
                for clients in CLIENTS:
                    _measure_http(server, kind, clients, repetition, times)
            say(f"repetition {repetition + 1}: asked over HTTP")
    with _gateway(world) as server:
        times.memory = _weighed(server, distinct)
        times.distinct = distinct
        say(f"asked {distinct:,} distinct queries")
    return times


# -- questions --------------------------------------------------------------------------------------------------------


def questions(kind: str, seed: int) -> Iterator[MetricQuery]:
    """Endless questions of a kind; those of one seed differ from those of another in their values."""
    if kind == "result cached":
        return itertools.repeat(_by_month(ROLLED, 0))
    if kind == "compile miss, roll-up":
        # Small bodies to run, so that compiling is what is measured.
        return (query for query in itertools.cycle(list(_shapes())[seed % 7 :]))
    metric = ROLLED if "roll-up" in kind else RAW
    return (_by_month(metric, 1 + 997 * seed + number) for number in itertools.count())


def _by_month(metric: str, number: int) -> MetricQuery:
    """A year by month and supplier for ten suppliers: 120 rows of an answer."""
    suppliers = tuple(f"s{(number * 13 + 7 * place) % SUPPLIERS:03d}" for place in range(10))
    last = LAST_DAY - timedelta(days=number % 300)
    return MetricQuery(
        metrics=(metric,),
        dimensions=("supplier",),
        grain="month",
        time_range=TimeRange(first=last - timedelta(days=364), last=last),
        filters=(Filter(dimension="supplier", values=suppliers),),
        # Above what there is, and so that no two numbers below 100,000 ask the same.
        limit=200 + number % 9_797,
    )


def _shapes() -> Iterator[MetricQuery]:
    """Some 500 questions of different shapes on one month."""
    grains: tuple[Grain | None, ...] = (None, "day", "week", "month", "quarter", "year")
    splits: tuple[tuple[str, ...], ...] = ((), ("supplier",), ("item",), ("supplier", "item"))
    operators: tuple[Any, ...] = ("eq", "ne", "in", "not_in", "contains", "starts_with", "is_not_null")
    compared: tuple[Literal["id", "label"], ...] = ("id", "label")
    for operator, grain, split, on in itertools.product(operators, grains, splits, compared):
        values = () if operator == "is_not_null" else ("s001",)
        yield MetricQuery(
            metrics=(ROLLED,),
            dimensions=split,
            grain=grain,
            time_range=TimeRange(first=LAST_DAY - timedelta(days=29), last=LAST_DAY),
            filters=(Filter(dimension="supplier", on=on, op=operator, values=values),),
            limit=50,
        )
        if grain is not None:
            yield MetricQuery(
                metrics=(ROLLED,),
                dimensions=split,
                grain=grain,
                time_range=TimeRange(first=LAST_DAY - timedelta(days=29), last=LAST_DAY),
                filters=(Filter(dimension="item", on=on, op=operator, values=values),),
                order=(Order(by=ROLLED, direction="desc"),),
                limit=50,
            )


# -- in this process --------------------------------------------------------------------------------------------------


def _measure_here(world: QueryWorld, kind: str, clients: int, repetition: int, times: QueryTimes) -> None:
    snapshot = world.store.current()
    assert snapshot is not None, "the world was published"
    queries = MetricQueries(world.store, load_access_policy(), lambda: NOW)
    warm = next(questions(kind, 999))
    queries.encoded(warm, READER, "json", snapshot)
    asked = [
        list(itertools.islice(questions(kind, 10 * repetition + one), _asked(kind, clients))) for one in range(clients)
    ]
    if kind.startswith("compile miss"):
        queries.forget_statements()
        # Every client asks other shapes, or they would compile for each other.
        every = list(_shapes())
        asked = [every[one::clients][: len(asked[one])] for one in range(clients)]
    statements = []
    for mine in asked:
        plans = [queries.plan(query, READER, snapshot) for query in mine]
        statements.append(plans)
    layer = _together([[_call(queries, query, snapshot) for query in mine] for mine in asked])
    times.layer.setdefault((kind, clients), Latency()).add(layer)

    # The same statements with the same values on cursors of the same database, as warm as it is for the layer.
    bare: list[list[Callable[[], object]]] = []
    for plans in statements:
        cursor = snapshot.connect()
        bare.append([])
        for plan in plans:
            statement = queries.statement(plan, snapshot)
            bound = {name: plan.values[name] for name in statement.parameters}
            bare[-1].append(_bare(cursor, statement.sql, bound))
    for calls in bare:
        calls[0]()
    times.bare.setdefault((kind, clients), Latency()).add(_together(bare))


def _call(queries: MetricQueries, query: MetricQuery, snapshot: Any) -> Callable[[], object]:
    return lambda: queries.encoded(query, READER, "json", snapshot)


def _bare(cursor: duckdb.DuckDBPyConnection, sql: str, bound: Mapping[str, object]) -> Callable[[], object]:
    return lambda: cursor.execute(sql, bound).fetchall()


def _asked(kind: str, clients: int) -> int:
    """Calls of each client; fewer where there are more clients."""
    return _ASKED[kind] // (1 if clients == 1 else 3)


def _together(work: Sequence[Sequence[Callable[[], object]]]) -> list[float]:
    """Seconds of every call: each list is one client, all begin at the same time."""
    seconds: list[float] = []
    start = threading.Barrier(len(work))
    errors: list[BaseException] = []

    def client(calls: Sequence[Callable[[], object]]) -> None:
        mine = []
        try:
            start.wait()
            for call in calls:
                began = time.perf_counter()
                call()
                mine.append(time.perf_counter() - began)
        except BaseException as error:  # noqa: BLE001 - told to the thread that measures
            errors.append(error)
        seconds.extend(mine)

    threads = [threading.Thread(target=client, args=(calls,)) for calls in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return seconds


# -- over HTTP --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Server:
    port: int
    process: subprocess.Popen[bytes]

    def memory(self) -> float:
        """PSS of the gateway in MB."""
        return float(psutil.Process(self.process.pid).memory_full_info().pss) / 1e6


@contextmanager
def _gateway(world: QueryWorld) -> Iterator[_Server]:
    """A gateway on the world's state folder, ready to answer."""
    gateway, dagster = free_ports(2)
    environment = {
        **os.environ,
        "TRUELOOP_HOME": str(world.home),
        "TRUELOOP_SOURCE_PACK": "dongchen",
        "TRUELOOP_DATABASE_URL": "",
        "TRUELOOP_GATEWAY_PORT": str(gateway),
        "TRUELOOP_DAGSTER_PORT": str(dagster),
        "TRUELOOP_LOCAL_READER_ROLE": READER.role,
    }
    process = subprocess.Popen([sys.executable, "-m", "gateway"], cwd=PROJECT_ROOT, env=environment)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                _Client(gateway).ask(_by_month(ROLLED, 0))
                break
            except (OSError, http.client.HTTPException):
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.2)
        yield _Server(gateway, process)
    finally:
        process.terminate()
        process.wait(timeout=30)


class _Client:
    """One connection that is kept open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, query: MetricQuery) -> bytes:
        return self.post(body_of(query))

    def post(self, body: bytes) -> bytes:
        self._connection.request("POST", "/api/v1/metrics/query", body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {content[:500]!r}")
        return content


def body_of(query: MetricQuery) -> bytes:
    """The query as a client sends it."""
    return query.model_dump_json(by_alias=True).encode()


def _measure_http(server: _Server, kind: str, clients: int, repetition: int, times: QueryTimes) -> None:
    if kind.startswith("compile miss"):
        return  # its shapes are compiled once in a process; measured above
    work: list[list[Callable[[], object]]] = []
    for one in range(clients):
        client = _Client(server.port)
        mine = itertools.islice(questions(kind, 500 + 10 * repetition + one), _asked(kind, clients))
        work.append([_post(client, body_of(query)) for query in mine])
    work[0][0]()
    times.http.setdefault((kind, clients), Latency()).add(_together(work))


def _post(client: _Client, body: bytes) -> Callable[[], object]:
    return lambda: client.post(body)


def _weighed(server: _Server, distinct: int) -> list[float]:
    """MB of the gateway before, while and after ``distinct`` queries by four clients: all shapes, ever new values."""
    shapes = list(_shapes())
    numbers = itertools.count()
    found = [server.memory()]
    lock = threading.Lock()

    def distinct_query(number: int) -> MetricQuery:
        if number % 4:
            return _by_month(ROLLED, number)
        last = LAST_DAY - timedelta(days=(number // 4) % (DAYS - 40))
        span = TimeRange(first=last - timedelta(days=29), last=last)
        return shapes[(number // 4) % len(shapes)].model_copy(update={"time_range": span, "limit": 1 + number % 50})

    def client() -> list[Callable[[], object]]:
        connection = _Client(server.port)

        def one() -> None:
            with lock:
                number = next(numbers)
                if number % _WEIGH_EVERY == 0:
                    found.append(server.memory())
            connection.ask(distinct_query(number))

        return [one] * (distinct // 4)

    _together([client() for _ in range(4)])
    found.append(server.memory())
    return found


# -- for people -------------------------------------------------------------------------------------------------------


def queries_text(times: QueryTimes) -> str:
    """One table of latencies, one line of memory."""
    rows = []
    for kind in KINDS:
        for clients in CLIENTS:
            layer, bare, over = (found.get((kind, clients)) for found in (times.layer, times.bare, times.http))
            if layer is None or bare is None:
                continue
            ratio = statistics.median(layer.p95) / statistics.median(bare.p95)
            rows.append(
                [
                    kind,
                    str(clients),
                    *_both(layer),
                    *_both(bare),
                    f"{ratio:.1f} x",
                    *(_both(over) if over else ("-", "-")),
                ]
            )
    header = ["query", "clients", "p50", "p95", "bare p50", "bare p95", "p95 ratio", "HTTP p50", "HTTP p95"]
    text = (
        f"Metric queries at {times.rows:,} fact rows ({times.rolled_up:,} in the daily roll-up; {SUPPLIERS} suppliers, "
        f"{SUPPLIERS * ITEMS_OF_EACH:,} items, {DAYS:,} days), in ms\n\n" + table(header, rows)
    )
    if times.memory:
        start, *rest = times.memory
        text += (
            f"\n\nPSS of the gateway over {times.distinct:,} distinct queries, in MB: {start:.0f} before, "
            f"{max(rest):.0f} at most, {rest[-1]:.0f} after (each {_WEIGH_EVERY}: "
            + ", ".join(f"{value:.0f}" for value in times.memory)
            + ")"
        )
    return text


def _both(latency: Latency) -> tuple[str, str]:
    return Spread.of(latency.p50).text("").strip(), Spread.of(latency.p95).text("").strip()


def queries_json(times: QueryTimes) -> dict[str, Any]:
    """Every single value."""
    found: dict[str, Any] = {"rows": times.rows, "rolled_up": times.rolled_up, "memory_mb": times.memory}
    for name, latencies in (("layer", times.layer), ("bare", times.bare), ("http", times.http)):
        found[name] = {f"{kind}, {clients}": vars(latency) for (kind, clients), latency in latencies.items()}
    return found
