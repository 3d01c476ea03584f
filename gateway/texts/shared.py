"""Words that several pages use: the frame around every page, states and domains."""

from __future__ import annotations

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    "skip_to_content": ("Skip to the content", "跳到正文"),
    "navigation": ("Pages", "页面"),
    "language": ("Language", "语言"),
    "nav_home": ("Home", "首页"),
    "nav_board": ("Board", "看板"),
    "nav_metrics": ("Metrics", "指标"),
    "nav_cases": ("Cases", "事件单"),
    "nav_proposals": ("Changes", "口径变更"),
    "nav_dagster": ("Dagster", "Dagster"),
    "nav_dbt": ("dbt docs", "dbt 文档"),
    "nav_api": ("API", "接口"),
    "loading": ("Loading …", "加载中……"),
    "part_failed": (
        "This part could not be loaded. The rest of the page holds; load it again in a moment.",
        "此部分未能加载，页面其余内容有效；请稍后重试。",
    ),
    "part_missing": ("Not part of this installation.", "当前安装不含此部分。"),
    "as_a_table": ("Figures as a table", "以表格查看"),
    "as_a_list": ("As a list", "以列表查看"),
    "whole_graph": ("Show all of it", "查看全图"),
    "no_data": ("No figures yet.", "暂无数据。"),
    "page_unknown": ("There is no page here", "此处没有页面"),
    "page_unknown_text": (
        "Nothing of Trueloop stands at {path}. The links above lead to all its pages; the API is described at /docs.",
        "Trueloop 在 {path} 没有内容。上方链接通往所有页面；接口说明见 /docs。",
    ),
    "page_problem": ("This cannot be shown", "无法显示此页面"),
    "page_problem_back": ("Without what was asked besides", "去掉附加条件后查看"),
    "metrics": ("Metrics", "指标"),
    "metric": ("Metric", "指标"),
    "value": ("Value", "数值"),
    "figures_as_of": ("As of", "数据日期"),
    "state": ("State", "状态"),
    "no_snapshot": (
        "Nothing was published yet. The first refresh fills this table; ./trueloop refresh starts one.",
        "尚未发布数据。首次刷新后显示；刷新会自动开始，也可运行 ./trueloop refresh。",
    ),
    "snapshot": ("Snapshot", "快照"),
    "published": ("published", "已发布"),
    "state_published": ("published", "已发布"),
    "state_warning": ("warning", "预警"),
    "state_held": ("held back: last good figures", "已暂停：显示上次合格数据"),
    "state_none_good": ("held back, none good yet", "已暂停，尚无合格数据"),
    "state_unavailable": ("not available", "不可用"),
    "domain_profit": ("Profit", "利润"),
    "domain_delivery": ("Delivery", "交付"),
    "domain_quality": ("Quality", "质量"),
    "domain_production": ("Production", "生产"),
    "domain_supply": ("Supply", "供应"),
    "domain_people": ("People", "人员"),
    "domain_process": ("Process", "流程"),
}
