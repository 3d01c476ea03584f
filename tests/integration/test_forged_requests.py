"""Forged, replayed and expired requests of Slack: ten thousand variants of a genuine one, none accepted, nothing moved.

They meet the real gateway application; only the socket is left out. The genuine request is accepted before and a fresh
one after, so that what is refused is refused for what is wrong with it.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, quote_plus, urlencode

import pytest
import sqlalchemy as sa

from gateway.embedded_slack.interactions import sign
from resources.clock import FixedClock, SystemClock
from tests.gateway_stack import Stack, running_stack
from workflow_jobs.cases import OpenRequest
from workflow_jobs.slack.button_seal import nonce_of, require, seal_of
from workflow_jobs.slack.decision_buttons import ButtonValue

VARIANTS = 10_000
COMPOSED = 150
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Sent:
    """A request as bytes on the wire. Headers are a list: the same one may stand twice."""

    body: bytes
    headers: tuple[tuple[str, str], ...]
    method: str = "POST"

    def with_header(self, name: str, value: str | None) -> Sent:
        kept = tuple(pair for pair in self.headers if pair[0] != name)
        return replace(self, headers=kept if value is None else (*kept, (name, value)))

    def header(self, name: str) -> str:
        return next(value for key, value in self.headers if key == name)


@pytest.fixture
def stack(tmp_path: Path, clock: FixedClock) -> Iterator[Stack]:
    with running_stack(tmp_path / "home", clock) as running:
        yield running


def now() -> int:
    return int(SystemClock().now().timestamp())


def signed(secret: str, body: bytes, at: int | None = None) -> Sent:
    at = now() if at is None else at
    return Sent(
        body,
        (
            ("content-type", FORM),
            ("x-slack-request-timestamp", str(at)),
            ("x-slack-signature", sign(secret, at, body)),
        ),
    )


def decision(stack: Stack, task: Any, metadata: str, outcome: str = "confirm") -> bytes:
    """The submitted form with which the assignee confirms."""
    answers: dict[str, dict[str, Any]] = {
        "impact_amount": {"type": "plain_text_input", "value": "42000.50"},
        "exception_cause": {"type": "static_select", "selected_option": {"value": "supplier_quality"}},
    }
    payload = {
        "type": "view_submission",
        "team": {"id": "T1"},
        "user": {"id": stack.user(task.assignee)},
        "trigger_id": secrets.token_hex(8),
        "view": {
            "type": "modal",
            "callback_id": "decide",
            "private_metadata": metadata,
            "blocks": [],
            "state": {"values": {f"field:{name}": {f"field:{name}": answer} for name, answer in answers.items()}},
        },
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


def genuine(stack: Stack, task: Any) -> Sent:
    metadata = ButtonValue(task.task_id, task.version, "confirm", form=True).to_json(stack.context.service.seal)
    return signed(stack.workspace.secrets.signing_secret, decision(stack, task, metadata))


async def ask(stack: Stack, sent: Sent) -> tuple[int, bytes]:
    """Hand a request to the gateway application."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": sent.method, "scheme": "http",
        "path": "/slack/events", "raw_path": b"/slack/events", "query_string": b"", "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), *((key.encode(), value.encode()) for key, value in sent.headers)],
        "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    answer: dict[str, Any] = {"status": 0, "body": b""}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": sent.body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer["status"] = message["status"]
        else:
            answer["body"] += message.get("body", b"")

    await stack.app(scope, receive, send)
    return answer["status"], answer["body"]


def everything(stack: Stack) -> dict[str, Any]:
    """All rows of the ops database; health and leases of running sensors are none of it."""
    tables = sa.inspect(stack.context.engine).get_table_names()
    with stack.context.engine.connect() as connection:
        return {one: connection.exec_driver_sql(f'select * from "{one}"').all() for one in sorted(tables)}


def flipped(dice: random.Random, sent: Sent, _secret: str) -> Sent:
    body = bytearray(sent.body)
    body[dice.randrange(len(body))] ^= 1 << dice.randrange(7)
    return replace(sent, body=bytes(body))


def truncated(dice: random.Random, sent: Sent, _secret: str) -> Sent:
    return replace(sent, body=sent.body[: dice.randrange(len(sent.body))])


def extended(dice: random.Random, sent: Sent, _secret: str) -> Sent:
    extra = dice.choice([b"&payload=%7B%7D", b" ", b"\n", b"&a=" + bytes([dice.randrange(97, 123)])])
    return replace(sent, body=extra + sent.body if dice.random() < 0.3 else sent.body + extra)


def re_encoded(dice: random.Random, sent: Sent, _secret: str) -> Sent:
    """The same meaning in other bytes."""
    payload = json.loads(parse_qs(sent.body.decode())["payload"][0])
    text = dice.choice([
        json.dumps(payload, separators=(",", ":")),
        json.dumps(payload, indent=dice.randrange(1, 5)),
        json.dumps(dict(reversed(payload.items()))),
        json.dumps(payload | {"trigger_id": secrets.token_hex(4)}),
    ])  # fmt: skip
    return replace(sent, body=f"payload={dice.choice([quote, quote_plus])(text)}".encode())


def other_secret(dice: random.Random, sent: Sent, secret: str) -> Sent:
    wrong = dice.choice(["", secret[:-1], secret.upper(), secret[::-1], secret + "0", f"{dice.getrandbits(128):032x}"])
    return signed(wrong if wrong != secret else "x", sent.body)


def expired(dice: random.Random, sent: Sent, secret: str) -> Sent:
    """Signed with the right secret, more than five minutes ago or ahead."""
    away = dice.choice([dice.randrange(310, 4000), dice.randrange(4000, 10**8)])
    return signed(secret, sent.body, now() + dice.choice([-away, away]))


def moved_timestamp(dice: random.Random, sent: Sent, _secret: str) -> Sent:
    at = int(sent.header("x-slack-request-timestamp")) + dice.choice([-1, 1]) * dice.randrange(1, 250)
    return sent.with_header("x-slack-request-timestamp", str(at))


def odd_timestamp(dice: random.Random, sent: Sent, _secret: str) -> Sent:
    at = sent.header("x-slack-request-timestamp")
    odd = [None, "", " ", "now", f"{at}.0", f"+{at}", f"-{at}", f" {at} ", f"{at},{at}", hex(int(at)), "1e9", "NaN",
           at + "0" * dice.randrange(1, 40), "0" * dice.randrange(1, 5) + at]  # fmt: skip
    return sent.with_header("x-slack-request-timestamp", dice.choice(odd))


def odd_signature(dice: random.Random, sent: Sent, _secret: str) -> Sent:
    good = sent.header("x-slack-signature")
    at = dice.randrange(3, len(good))
    other = good[:at] + dice.choice([c for c in "0123456789abcdef" if c != good[at]]) + good[at + 1 :]
    odd = [None, "", "v0=", other, other, other, good[:at], good.upper(), good.removeprefix("v0="), "v1=" + good[3:],
           good + "0", " " + good[::-1], f"{good},{good}", "v0=" + 64 * "0"]  # fmt: skip
    return sent.with_header("x-slack-signature", dice.choice(odd))


def doubled_header(dice: random.Random, sent: Sent, _secret: str) -> Sent:
    name = dice.choice(["x-slack-signature", "x-slack-request-timestamp"])
    other = dice.choice([sent.header(name), "v0=" + "0" * 64, str(now() - 5)])
    pair = (name, other)
    return replace(sent, headers=(pair, *sent.headers) if dice.random() < 0.5 else (*sent.headers, pair))


def other_method(dice: random.Random, sent: Sent, _secret: str) -> Sent:
    return replace(sent, method=dice.choice(["GET", "GET", "GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"]))


def replayed(dice: random.Random, sent: Sent, _secret: str) -> Sent:
    """The very bytes that were accepted before; the headers that Slack does not sign may differ."""
    extra = dice.choice([(), (("x-slack-retry-num", str(dice.randrange(1, 4))),), (("user-agent", "Slackbot 1.0"),)])
    again = replace(sent, headers=(*sent.headers, *extra))
    return again.with_header("content-type", dice.choice([FORM, "application/json", "text/plain"]))


KINDS: tuple[Callable[[random.Random, Sent, str], Sent], ...] = (
    flipped, truncated, extended, re_encoded, other_secret, expired, moved_timestamp, odd_timestamp, odd_signature,
    doubled_header, other_method, replayed,
)  # fmt: skip


def test_ten_thousand_variants_of_a_genuine_request_move_nothing(stack: Stack) -> None:
    secret = stack.workspace.secrets.signing_secret
    first = stack.open_task(stack.open_case(), "judge")
    second = stack.open_task(stack.open_case("V-0008", "Other"), "judge")
    accepted = genuine(stack, first)
    assert asyncio.run(ask(stack, accepted)) == (200, b"")
    assert stack.context.service.task(first.task_id).decided_by == first.assignee
    stack.deliver()
    before = everything(stack)
    dice = random.Random(20261116)

    async def attack() -> Counter[tuple[str, int]]:
        seen: Counter[tuple[str, int]] = Counter()
        for number in range(VARIANTS):
            kind = KINDS[number % len(KINDS)]
            # A replay is of the request that was taken; everything else begins with one that would be taken.
            base = accepted if kind is replayed else genuine(stack, second)
            status, _ = await ask(stack, kind(dice, base, secret))
            seen[kind.__name__, status] += 1
        return seen

    seen = asyncio.run(attack())
    assert sum(seen.values()) == VARIANTS
    taken = {kind: status for kind, status in seen if status not in (400, 401, 405)}
    assert taken == {}, taken
    # All of them but other methods and bodies that are no text are refused for their signature.
    assert {status for kind, status in seen if kind not in ("other_method", "flipped")} == {401}
    assert everything(stack) == before
    # The same person, the same form, a genuine signature: taken.
    assert asyncio.run(ask(stack, genuine(stack, second))) == (200, b"")
    assert stack.context.service.task(second.task_id).decided_by == second.assignee
    print(f"{VARIANTS} forged, replayed and expired requests: none accepted")


def test_a_button_that_was_composed_by_hand_moves_nothing(stack: Stack) -> None:
    """Signed by Slack, as if somebody could make Slack send any value: the nonce is what is missing."""
    secret, seal = stack.workspace.secrets.signing_secret, stack.context.service.seal
    task = stack.open_task(stack.open_case(), "judge")
    other = stack.open_task(stack.open_case("V-0008", "Other"), "judge")
    stack.deliver()
    dice = random.Random(7)
    good = {"task_id": task.task_id, "version": task.version, "outcome": "confirm", "form": True}
    nonce = nonce_of(seal, "decide", task.task_id, task.version, "confirm")
    nonces = [
        None, "", "0" * 32, nonce[:-1], nonce.upper(), nonce + "0", [nonce], 7,
        nonce_of(seal, "decide", task.task_id, task.version, "reject"),
        nonce_of(seal, "decide", task.task_id, task.version + 1, "confirm"),
        nonce_of(seal, "decide", other.task_id, other.version, "confirm"),
        nonce_of(seal, "act", task.task_id, task.version, "confirm"),
        nonce_of(seal_of(b"another installation's key"), "decide", task.task_id, task.version, "confirm"),
    ]  # fmt: skip
    before = everything(stack)

    async def attack() -> None:
        for number in range(COMPOSED):
            wrong = nonces[number] if number < len(nonces) else f"{dice.getrandbits(128):032x}"
            metadata = json.dumps(good if wrong is None else good | {"nonce": wrong})
            status, body = await ask(stack, signed(secret, decision(stack, task, metadata)))
            assert status == 200 and b"older version" in body, (wrong, status, body)

    asyncio.run(attack())
    assert everything(stack) == before
    metadata = json.dumps(good | {"nonce": nonce})
    assert asyncio.run(ask(stack, signed(secret, decision(stack, task, metadata)))) == (200, b"")
    assert stack.context.service.task(task.task_id).outcome == "confirm"


def waiting_for_goods(stack: Stack) -> str:
    """A case whose wait people may end."""
    service = stack.context.service
    data = {"order_no": "SO-1", "request_kind": "return", "claim_amount": "500"}
    request = OpenRequest(template_id="after_sales", rule_id="asked", requested_by="E009", data=data)
    case_id = service.open_by_person(request).case_id
    (task,) = service.case(case_id).open_tasks
    service.decide_task(task.task_id, task.version, task.assignee or "", "authorised", {})
    return case_id


def word_about(stack: Stack, metadata: str) -> bytes:
    """The submitted form with which somebody who may says that the goods are there."""
    payload = {
        "type": "view_submission",
        "user": {"id": stack.user("E011")},
        "trigger_id": secrets.token_hex(8),
        "view": {"type": "modal", "callback_id": "wait", "private_metadata": metadata, "blocks": [], "state": {}},
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


def test_a_word_about_a_wait_that_was_composed_by_hand_moves_nothing(stack: Stack) -> None:
    secret, seal = stack.workspace.secrets.signing_secret, stack.context.service.seal
    case_id = waiting_for_goods(stack)
    stack.deliver()
    good = {"case_id": case_id, "wait": "goods_back.1", "signal": "goods_received"}
    nonce = nonce_of(seal, "wait", *good.values())
    dice = random.Random(8)
    nonces = [
        None, "", "0" * 32, nonce[:-1], nonce.upper(), nonce + "0", [nonce], 7,
        nonce_of(seal, "wait", case_id, "goods_back.2", "goods_received"),
        nonce_of(seal, "wait", case_id, "goods_back.1", "other"),
        nonce_of(seal, "wait", "C-000002", "goods_back.1", "goods_received"),
        nonce_of(seal, "case", *good.values()),
        nonce_of(seal_of(b"another installation's key"), "wait", *good.values()),
        *(f"{dice.getrandbits(128):032x}" for _ in range(30)),
    ]  # fmt: skip
    before = everything(stack)

    async def attack() -> None:
        for wrong in nonces:
            metadata = json.dumps(good if wrong is None else good | {"nonce": wrong})
            status, body = await ask(stack, signed(secret, word_about(stack, metadata)))
            assert status == 200 and b"older version" in body, (wrong, status, body)

    asyncio.run(attack())
    assert everything(stack) == before
    metadata = json.dumps(good | {"nonce": nonce})
    assert asyncio.run(ask(stack, signed(secret, word_about(stack, metadata)))) == (200, b"")
    assert stack.context.service.case(case_id).steps["goods_back"].outcome == "signalled"


def test_parts_of_a_button_cannot_run_into_each_other() -> None:
    seal = seal_of(b"key")
    assert nonce_of(seal, "act", "a|1", 1, "b") != nonce_of(seal, "act", "a", "1|1", "b")
    require(seal, nonce_of(seal, "act", "a", 1), "act", "a", 1)
    with pytest.raises(ValueError, match="nonce"):
        require(seal, nonce_of(seal, "act", "a", 1), "act", "a", 2)
