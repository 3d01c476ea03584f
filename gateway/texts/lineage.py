"""Words of a metric's lineage: what its figure is made of."""

from __future__ import annotations

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    "lineage_of": ("What the figure is made of, from source columns to the metric", "指标由哪些源字段计算而成"),
    "lineage_none": (
        "The lineage appears with the first snapshot after a full build.",
        "完整构建后的首个快照发布后显示血缘。",
    ),
    "lineage_sources": ("Source columns of the figure", "构成指标数值的源字段"),
    "lineage_rows": ("Columns that only choose which rows count", "仅决定计入哪些行的字段"),
    "lineage_columns": ("Columns", "字段"),
    "lineage_table": ("Table", "表"),
    "layer_source": ("source", "数据源"),
    "layer_seed": ("reference data", "参考数据"),
    "layer_staging": ("staging", "清洗层"),
    "layer_conformed": ("conformed", "统一层"),
    "layer_metrics": ("metric", "指标"),
    "layer_claims": ("claim", "部门口径"),
    "layer_query": ("query", "查询"),
    "layer_model": ("model", "模型"),
    "lineage_red": ("its red line is crossed", "已越过红线"),
    "lineage_warning": ("it has a warning", "有预警"),
}
