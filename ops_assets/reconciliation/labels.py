"""The words for a part, in both languages."""

from __future__ import annotations

from ops_assets.dictionary.base import Text
from ops_assets.reconciliation.decompose import PartKey
from ops_assets.reconciliation.spec import Comparison


def part_label(comparison: Comparison, key: PartKey) -> Text:
    """What the part is, such as "Rows only in Finance ledger"."""
    side = comparison.ours.label if key.place == "ours" else comparison.theirs.label
    names = {each.name: each.label for each in comparison.inputs}
    inputs = [names.get(name, Text(en=name, zh=name)) for name in key.input.split("*") if name]
    en, zh = " × ".join(each.en for each in inputs), " × ".join(each.zh for each in inputs)
    match key.cause:
        case "only_here":
            return Text(en=f"Rows only in {side.en}", zh=f"仅{side.zh}有的行")
        case "counted_twice":
            return Text(en=f"Rows counted twice in {side.en}", zh=f"{side.zh}重复计入的行")
        case "other_period":
            return Text(en=f"Rows that only {side.en} counts in this period", zh=f"仅{side.zh}计入本期的行")
        case "input_missing":
            return Text(en=f"{en} missing in {side.en}", zh=f"{side.zh}缺少{zh}")
        case "input_differs":
            return Text(en=f"{en} differs", zh=f"{zh}不同")
        case "rule_differs" if inputs:
            return Text(en=f"Rule: {en} counted differently", zh=f"规则：{zh}计法不同")
        case "rule_differs":
            return (
                Text(en=f"Rule of {side.en}", zh=f"{side.zh}的规则")
                if key.place != "both"
                else Text(en="Rule: a constant differs", zh="规则：常数不同")
            )
        case _:
            return Text(en=f"Figure in {side.en} departs from its rule", zh=f"{side.zh}的数与其规则不符")
