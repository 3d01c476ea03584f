"""The words of the home page."""

from __future__ import annotations

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    "tagline": (
        "Figures that tell the truth, and the work they trigger: every metric is audited before anyone reads it, and "
        "what it reveals becomes a case with an owner and a deadline.",
        "让指标说真话，并推动由此产生的工作：每个指标先经审核再发布，发现的问题成为有负责人、有期限的事件单。",
    ),
    "places": ("Places", "入口"),
    "place_board": ("Business board", "经营看板"),
    "place_board_text": ("The key metrics on one page that renews itself", "关键指标一页掌握，自动更新"),
    "place_metrics": ("Metrics", "指标"),
    "place_metrics_text": ("What each figure means, and who answers for it", "每个指标的含义与负责人"),
    "place_cases": ("Cases", "事件单"),
    "place_cases_text": ("Who has to do what by when, and what came of it", "谁在何时前处理什么，结果如何"),
    "place_dagster": ("Dagster", "Dagster"),
    "place_dagster_text": ("Assets, checks, runs, sensors and schedules", "数据资产、检查、运行、传感器与调度"),
    "place_slack": ("Embedded Slack", "内置 Slack"),
    "place_slack_text": ("Read and decide as any person of the directory", "以目录中任意人员的身份查看并处理"),
    "place_real_slack": ("Slack", "Slack"),
    "place_real_slack_text": ("Cards and decisions arrive in your workspace", "卡片与决定在贵公司的 Slack 工作区内"),
    "place_dbt": ("dbt docs", "dbt 文档"),
    "place_dbt_text": ("Models, columns, tests and lineage", "模型、字段、测试与血缘"),
    "place_dbt_missing": ("Appears with the first refresh", "首次刷新后生成"),
    "place_api": ("HTTP API", "HTTP 接口"),
    "place_api_text": ("Post events, read metrics and cases", "写入事件，读取指标与事件单"),
    "state_of_parts": ("State", "运行状态"),
    "looking": ("Looking …", "检查中……"),
    "open_cases": ("Open cases", "未关闭事件单"),
    "no_cases": ("No case is open.", "没有未关闭的事件单。"),
    "case": ("Case", "事件单"),
    "subject": ("Subject", "对象"),
    "waits_for": ("Waits for", "等待"),
    "due": ("Due", "截止"),
    "may_move": ("may move", "可能变动"),
    "opened": ("Opened", "创建"),
    "overdue": ("overdue", "已超期"),
    "more_cases": ("more open cases on the board of cases", "个未关闭事件单，见事件单看板"),
    "nobody": ("nobody yet", "暂无"),
}
