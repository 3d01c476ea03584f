"""Roles in words. A role without words here is shown as its id, written as words."""

from __future__ import annotations

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    "role_account_manager": ("Account manager", "客户经理"),
    "role_buyer": ("Buyer", "采购员"),
    "role_ceo": ("General manager", "总经理"),
    "role_cfo": ("Head of finance", "财务总监"),
    "role_data_owner": ("Data owner", "数据负责人"),
    "role_data_steward": ("Data steward", "数据管理员"),
    "role_document_controller": ("Document controller", "文控"),
    "role_finance_analyst": ("Finance analyst", "财务分析员"),
    "role_finance_manager": ("Finance manager", "财务经理"),
    "role_hr_manager": ("HR manager", "人事经理"),
    "role_it_manager": ("IT manager", "信息经理"),
    "role_logistics_coordinator": ("Logistics coordinator", "物流专员"),
    "role_logistics_manager": ("Logistics manager", "物流经理"),
    "role_plant_manager": ("Plant manager", "厂长"),
    "role_production_manager": ("Production manager", "生产经理"),
    "role_production_planner": ("Production planner", "生产计划员"),
    "role_project_manager": ("Project manager", "项目经理"),
    "role_purchasing_manager": ("Purchasing manager", "采购经理"),
    "role_quality_engineer": ("Quality engineer", "质量工程师"),
    "role_quality_manager": ("Quality manager", "质量经理"),
    "role_sales_director": ("Sales director", "销售总监"),
    "role_sales_manager": ("Sales manager", "销售经理"),
    "role_sales_rep": ("Sales representative", "销售代表"),
    "role_sales_representative": ("Sales representative", "销售代表"),
    "role_warehouse_manager": ("Warehouse manager", "仓库经理"),
}
