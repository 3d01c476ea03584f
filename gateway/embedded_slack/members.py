"""The people of the workspace: everyone in the directory, and the app's own bot user."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gateway.embedded_slack.database import Database

TEAM_ID = "T0TRUELOOP"
APP_ID = "A0TRUELOOP"
BOT_ID = "B0TRUELOOP"
BOT_USER = "U0TRUELOOP"
BOT_NAME = "Trueloop"


@dataclass(frozen=True)
class Member:
    """A person of the workspace. ``id`` is the Slack user id; ``name`` the handle; ``real_name`` what pages show."""

    id: str
    person_id: str
    name: str
    real_name: str
    email: str
    title: str
    department: str
    active: bool = True


BOT = Member(BOT_USER, "", "trueloop", BOT_NAME, "", "App", "", True)


def member_id(person_id: str) -> str:
    """A Slack-like user id that is the same for the same person in every workspace file."""
    digest = hashlib.sha256(person_id.encode()).digest()
    return "U" + base64.b32encode(digest)[:10].decode()


class Members:
    def __init__(self, database: Database) -> None:
        self._database = database

    def replace(self, people: Iterable[Member]) -> None:
        """Make ``people`` the active members. Those who left stay known, so that their messages keep a name."""
        wanted = {member.id: member for member in people}
        if wanted == {member.id: member for member in self.all()}:
            return
        with self._database.writing() as connection:
            connection.execute("update member set active = 0")
            connection.executemany(
                "insert into member values (?, ?, ?, ?, ?, ?, ?, 1) on conflict (id) do update set"
                " name = excluded.name,"
                " real_name = excluded.real_name, email = excluded.email, title = excluded.title,"
                " department = excluded.department, active = 1",
                [(m.id, m.person_id, m.name, m.real_name, m.email, m.title, m.department) for m in wanted.values()],
            )

    def all(self) -> list[Member]:
        return [_member(row) for row in self._database.rows("select * from member where active order by real_name, id")]

    def get(self, user_id: str) -> Member | None:
        if user_id == BOT_USER:
            return BOT
        row = self._database.row("select * from member where id = ?", user_id)
        return None if row is None else _member(row)

    def by_email(self, email: str) -> Member | None:
        row = self._database.row("select * from member where active and email = ? collate nocase", email.strip())
        return None if row is None or not row["email"] else _member(row)

    def search(self, words: str, limit: int) -> list[Member]:
        """Members whose name, title, department or handle contain every word."""
        wanted = words.casefold().split()
        found = [
            member
            for member in self.all()
            if all(
                word in f"{member.real_name} {member.name} {member.title} {member.department}".casefold()
                for word in wanted
            )
        ]
        return found[:limit]


def _member(row: sqlite3.Row) -> Member:
    return Member(
        row["id"],
        row["person_id"],
        row["name"],
        row["real_name"],
        row["email"],
        row["title"],
        row["department"],
        bool(row["active"]),
    )


def user_object(member: Member) -> dict[str, Any]:
    """The shape in which Slack's ``users.*`` methods give a user."""
    is_bot = member.id == BOT_USER
    profile: dict[str, Any] = {
        "real_name": member.real_name,
        "display_name": member.name,
        "title": member.title,
        "team": TEAM_ID,
    }
    if is_bot:
        profile |= {"bot_id": BOT_ID, "api_app_id": APP_ID}
    else:
        profile["email"] = member.email
    return {
        "id": member.id,
        "team_id": TEAM_ID,
        "name": member.name,
        "real_name": member.real_name,
        "deleted": not member.active,
        "is_bot": is_bot,
        "is_app_user": False,
        "tz": "Asia/Shanghai",
        "profile": profile,
    }
