"""Words of explanations: why two departments' figures differ."""

from __future__ import annotations

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    "explain_title": ("Why the figures differ", "数据为何不一致"),
    "explain_lead": (
        "{theirs} against {ours}: every part of the gap, computed from its own rows.",
        "{theirs}与{ours}的差异逐项分解，每一项都由其自身的数据行计算得出。",
    ),
    "explain_waterfall": ("From {ours} to {theirs}", "从{ours}到{theirs}"),
    "explain_parts": ("Parts of the gap", "差异构成"),
    "explain_cause": ("Cause", "原因"),
    "explain_part": ("Part of the gap", "差异份额"),
    "explain_numerator": ("In the numerator", "分子变动"),
    "explain_denominator": ("In the denominator", "分母变动"),
    "explain_rows": ("Rows", "行数"),
    "explain_rows_of": ("Rows behind: {cause}", "相关数据行：{cause}"),
    "explain_sum": ("Sum of the parts", "合计"),
    "explain_balanced": (
        "The parts add up to the gap exactly, in numerator and denominator.",
        "各项之和与差异完全相等（分子、分母均核对无误）。",
    ),
    "explain_unbalanced": (
        "The parts do not add up to the gap: {numerator} are missing in the numerator, {denominator} in the "
        "denominator.",
        "各项之和与差异不等：分子相差 {numerator}，分母相差 {denominator}。",
    ),
    "explain_same": ("Both figures agree: there is no gap.", "两个数据一致，没有差异。"),
    "explain_gap": ("Gap", "差异"),
    "explain_claim": ("Compare", "对比口径"),
    "explain_against": ("with", "对照"),
    "explain_period": ("Period", "期间"),
    "explain_where": ("Only where", "仅限"),
    "explain_where_hint": ("{column}=…", "{column}=……"),
    "explain_show": ("Show", "查看"),
    "explain_none": ("No other department states this figure.", "没有其他部门给出此指标的数据。"),
    "explain_not_yet": ("Claims are compared with the next publication.", "部门口径将在下次发布时对比。"),
    "explain_link": ("Explain the gap", "解释差异"),
    "explain_csv": ("Download as CSV", "下载 CSV"),
    "explain_more": ("Next rows", "下一页"),
    "explain_before": ("Previous rows", "上一页"),
    "explain_back": ("Back to the explanation", "返回解释"),
    "explain_no_rows": ("No rows.", "没有数据行。"),
    "explain_shares": (
        "Where several inputs differ on one row, each gets its Shapley value (Shapley 1953): no order matters.",
        "同一行有多个输入不同时，按夏普利值（Shapley 1953）分摊，与顺序无关。",
    ),
    "explain_ours": ("Governed figure", "治理口径"),
    "explain_smaller": ("{count} smaller parts", "其余 {count} 项"),
    "explain_window": ("Headline period", "主要期间"),
    "span_until": ("up to {last}", "截至 {last}"),
    "consistency": ("Consistency", "一致性"),
    "consistency_of": ("Consistency score: {score} of 100", "一致性得分：{score}（满分 100）"),
    "consistency_deductions": ("Deductions", "扣分项"),
    "consistency_none": ("No deductions.", "没有扣分。"),
    "claim_department": ("Department", "部门"),
    "cause_rule_short": ("Rule: {input}", "规则：{input}"),
    "cause_rule_only": ("Rule: only “{here}” considers {input}", "规则：仅“{here}”考虑{input}"),
    "column_ours_date": ("Day: {ours}", "日期：{ours}"),
    "column_theirs_date": ("Day: {theirs}", "日期：{theirs}"),
    "column_ours": ("{ours}", "{ours}"),
    "column_theirs": ("{theirs}", "{theirs}"),
    "column_numerator": ("In the numerator", "分子变动"),
    "column_denominator": ("In the denominator", "分母变动"),
    "column_part": ("Part of the gap", "差异份额"),
}
