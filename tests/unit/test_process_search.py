"""The process that somebody means by the words he types: id, title or words of it, in English and Chinese."""

from __future__ import annotations

import pytest

from gateway.process_search import Meant, described, named
from tests.engine_world import human
from workflow_jobs.engine.template import Template, load_template


def process(id_: str, en: str, zh: str, about: str, about_zh: str) -> Template:
    text = (
        f"id: {id_}\nversion: 1\ntitle: {{en: {en}, zh: {zh}}}\ndescription: {{en: {about}, zh: {about_zh}}}\n"
        f"owner_role: plant_manager\nopened_by: [people]\nsteps:\n- {human('a')}\n"
    )
    return load_template(text, file=f"{id_}.yaml")


TEMPLATES = [
    process("order_change", "Order change", "订单变更", "A change of a confirmed order.", "变更已确认的订单。"),
    process("after_sales", "After-sales case", "售后处理", "A complaint or a return of an order.", "客户投诉或退货。"),
    process("new_part", "New part", "新物料导入", "A request for a part.", "申请新物料。"),
    process("new_tool", "New tool", "新模具", "A request for a tool.", "申请新模具。"),
]


def meant(words: str) -> tuple[list[str], str]:
    found: Meant = named(TEMPLATES, words)
    if not found.templates:
        found = described(TEMPLATES, words)
    return [one.id for one in found.templates], found.rest


@pytest.mark.parametrize(
    ("words", "ids", "rest"),
    [
        ("order_change SO-1", ["order_change"], "SO-1"),
        ("ORDER  Change SO-1 later", ["order_change"], "SO-1 later"),
        ("订单变更 SO-1", ["order_change"], "SO-1"),
        ("新物料导入水泵", ["new_part"], "水泵"),
        ("order", ["order_change"], ""),
        ("changes", ["order_change"], ""),
        ("complaint Box was empty", ["after_sales"], "Box was empty"),
        ("compliant", ["after_sales"], ""),
        ("投诉 箱子是空的", ["after_sales"], "箱子是空的"),
        ("please open a complaint", ["after_sales"], "please open a complaint"),
        ("new", ["new_part", "new_tool"], ""),
        ("new tool", ["new_tool"], ""),
        ("request lathe", ["new_part", "new_tool"], "lathe"),
        ("申请", ["new_part", "new_tool"], ""),
        ("a case", [], ""),
        ("laptop", [], ""),
        ("order_changed_by_hand", ["order_change"], ""),
        ("", [], ""),
        ("***", [], ""),
    ],
)
def test_words_find_the_process_and_the_others_say_what_it_is_about(words: str, ids: list[str], rest: str) -> None:
    assert meant(words) == (ids, rest)


def test_two_of_one_title_are_both_meant_and_the_longer_title_is_meant_before_the_shorter() -> None:
    twin = process("order_change_abroad", "Order change", "境外订单变更", "The same abroad.", "境外订单。")
    assert [one.id for one in named([*TEMPLATES, twin], "Order change").templates] == ["order_change", twin.id]
    longer = process("order_change_late", "Order change after delivery", "交货后变更", "Late.", "迟。")
    found = named([*TEMPLATES, longer], "order change after delivery: SO-1")
    assert ([one.id for one in found.templates], found.rest) == (["order_change_late"], "SO-1")
