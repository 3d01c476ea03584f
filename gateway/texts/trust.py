"""The words of the parts on trust and on what moved a figure."""

from __future__ import annotations

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    "trust_score": ("Quality score", "质量评分"),
    "trust_not_measured": ("not measured", "未度量"),
    "trust_out_of": ("{score} of 100", "{score} / 100"),
    "trust_limited_by": (
        "Held down by {asset}: no figure is better than what it stands on.",
        "受限于 {asset}：指标不会优于其上游。",
    ),
    "trust_dimension": ("Dimension", "维度"),
    "trust_deductions": ("Deductions", "扣分"),
    "trust_deduction": ("−{points}: {check} of {asset}: {sentence}", "−{points}：{asset} 的 {check}：{sentence}"),
    "trust_none": ("nothing", "无"),
    "trust_since": ("In this state since", "该状态始于"),
    "trust_of_completeness": ("Completeness", "完整性"),
    "trust_of_uniqueness": ("Uniqueness", "唯一性"),
    "trust_of_timeliness": ("Timeliness", "及时性"),
    "trust_of_accuracy": ("Accuracy", "准确性"),
    "trust_of_consistency": ("Consistency with other departments", "与其他部门口径的一致性"),
    "movement_from": ("From", "从"),
    "movement_to": ("to", "到"),
    "movement_show": ("Show", "查看"),
    "movement_line": (
        "{old} in {older}, {new} in {newer}: {moved}.",
        "{older} 为 {old}，{newer} 为 {new}：{moved}。",
    ),
    "movement_by": ("By {dimension}", "按{dimension}"),
    "movement_others": ("{count} others", "其余 {count} 项"),
    "movement_part": ("{total} (rate {rate}, mix {mix})", "{total}（自身 {rate}，结构 {mix}）"),
    "movement_explained": (
        "The bars of one chart add up to the movement exactly. Rate: the member itself became better or worse. Mix: it "
        "gained or lost weight.",
        "同一图中各项之和恰为总变化。自身：该项本身变好或变差；结构：该项所占权重的变化。",
    ),
    "movement_none": ("There is no dimension to split this figure by.", "该指标没有可拆分的维度。"),
}
