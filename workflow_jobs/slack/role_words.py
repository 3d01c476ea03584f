"""Roles in words, for cards and pages. A role without words here is shown as its id, written as words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ROLE_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "account_manager": ("Account manager", "客户经理"),
    "buyer": ("Buyer", "采购员"),
    "ceo": ("General manager", "总经理"),
    "cfo": ("Head of finance", "财务总监"),
    "data_owner": ("Data owner", "数据负责人"),
    "data_steward": ("Data steward", "数据管理员"),
    "document_controller": ("Document controller", "文控"),
    "finance_analyst": ("Finance analyst", "财务分析员"),
    "finance_manager": ("Finance manager", "财务经理"),
    "hr_manager": ("HR manager", "人事经理"),
    "it_manager": ("IT manager", "信息经理"),
    "logistics_coordinator": ("Logistics coordinator", "物流专员"),
    "logistics_manager": ("Logistics manager", "物流经理"),
    "plant_manager": ("Plant manager", "厂长"),
    "production_manager": ("Production manager", "生产经理"),
    "production_planner": ("Production planner", "生产计划员"),
    "project_manager": ("Project manager", "项目经理"),
    "purchasing_manager": ("Purchasing manager", "采购经理"),
    "quality_engineer": ("Quality engineer", "质量工程师"),
    "quality_manager": ("Quality manager", "质量经理"),
    "sales_director": ("Sales director", "销售总监"),
    "sales_manager": ("Sales manager", "销售经理"),
    "sales_rep": ("Sales representative", "销售代表"),
    "sales_representative": ("Sales representative", "销售代表"),
    "warehouse_manager": ("Warehouse manager", "仓库经理"),
}


def role_in_sentence(role: str, *, chinese: bool) -> str:
    """A role id as words inside a sentence: in English without the capital of its first word, unless that is short for
    something.
    """
    known = ROLE_WORDS.get(role)
    if known is None:
        return role.replace("_", " ")
    if chinese:
        return known[1]
    return known[0] if known[0][1].isupper() else known[0][0].lower() + known[0][1:]
