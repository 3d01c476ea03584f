"""The words of the business board."""

from __future__ import annotations

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    "board": ("Business board", "经营看板"),
    "board_state": (
        "As of {day}. Published {at}. This page shows new figures by itself.",
        "数据日期 {day}，发布时间 {at}；有新数据时本页自动更新。",
    ),
    "board_trusted": ("{count} of {total} trusted", "{total} 项中 {count} 项可信"),
    "board_on_target": ("{count} of {total} on target", "{total} 项目标中 {count} 项达标"),
    "board_worse": ("{count} got worse", "{count} 项恶化"),
    "board_no_metric": (
        "No key metric of this domain is governed in this installation yet.",
        "此领域尚无受管的关键指标。",
    ),
    "board_away": (
        "Not available in this pack: {names}.",
        "当前数据源不支持：{names}。",
    ),
    "spark_label": (
        "{months} months, from {first} to {last}",
        "{months} 个月：由 {first} 到 {last}",
    ),
}
