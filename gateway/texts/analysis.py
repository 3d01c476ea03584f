"""Words of the analysis of a process."""

from __future__ import annotations

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    "analysis": ("Process analysis", "流程分析"),
    "analysis_lead": (
        "From the published metrics, as of {day} (snapshot {snapshot}). {first} to {last}, against the {days} days "
        "before.",
        "取自已发布的指标，截至 {day}（快照 {snapshot}）。{first} 至 {last}，与此前 {days} 天对比。",
    ),
    "analysis_period": ("Period", "期间"),
    "analysis_days": ("{count} days", "{count} 天"),
    "analysis_department": ("Department", "部门"),
    "analysis_none": (
        "No step of a case is in the published metrics yet. There are figures after the first refresh that follows a "
        "completed step.",
        "已发布的指标中还没有任何已完成的步骤。完成步骤后，下次刷新时显示数据。",
    ),
    "analysis_figures": ("Figures", "指标"),
    "analysis_metric": ("Metric", "指标"),
    "analysis_now": ("Now", "本期"),
    "analysis_before": ("Before", "上期"),
    "analysis_change": ("Change", "变化"),
    "analysis_all_departments": ("all departments", "全部门"),
    "analysis_no_rows": ("no rows in the period", "本期无数据"),
    "analysis_steps": ("Time by step", "各步骤耗时"),
    "analysis_steps_text": (
        "Working time from entering a step to its completion. A step waits while nobody has it in hand: until somebody "
        "takes it up, and while it rests.",
        "从进入步骤到完成的工作时间。无人处理时为等待：从进入到有人着手，以及暂停期间。",
    ),
    "analysis_step": ("Step", "步骤"),
    "analysis_visits": ("Done", "次数"),
    "analysis_p": ("p{percent}", "p{percent}"),
    "analysis_was": ("before {span}", "上期 {span}"),
    "analysis_waited": ("Waited", "等待"),
    "analysis_in_hand": ("In hand", "处理中"),
    "analysis_bar_was": ("narrow: before", "细条：上期"),
    "analysis_waiting_share": ("{share} % of the time it waited", "等待占 {share}%"),
    "analysis_again": ("Done again", "重做"),
    "analysis_breaches": ("Missed decisions by department", "各部门漏批情况"),
    "analysis_breaches_none": ("No decision came due in these cases.", "没有到期的决定。"),
    "analysis_missed": ("Missed", "漏批"),
    "analysis_of": ("{missed} of {tasks}", "{missed} / {tasks}"),
    "analysis_loops": ("Return loops", "退回循环"),
    "analysis_loops_none": ("No case was sent back in either period.", "两期均没有事件单被退回。"),
    "analysis_loop": ("{count} times, in {cases} cases", "{count} 次，涉及 {cases} 个事件单"),
    "analysis_loop_under_way": ("{count} of them under way", "其中 {count} 次正在重做"),
    "analysis_loop_was": ("before {count}, in {cases}", "上期 {count} 次，涉及 {cases} 个"),
    "analysis_map": ("Which step followed which", "步骤流转图"),
    "analysis_map_text": (
        "{cases} cases. A box is a step: how often it was done, and its median working time. An arrow is a step "
        "completed next: how often, and the median working time that it waited. Dashed: back to a step done before.",
        "共 {cases} 个事件单。方框为步骤：完成次数与工作时间中位数。箭头为随后完成的步骤：次数与等待时间中位数。"
        "虚线：回到已做过的步骤。",
    ),
    "analysis_map_of": ("Drawn of", "流转图期间"),
    "analysis_map_now": ("{first} to {last}.", "{first} 至 {last}。"),
    "analysis_map_whole": (
        "The map shows whole cases, whatever the department.",
        "流转图显示完整事件单，不按部门筛选。",
    ),
    "analysis_node": ("{count} ×, median {span}", "{count} 次，中位数 {span}"),
    "analysis_edge": ("{count} × · {span}", "{count} 次 · {span}"),
    "analysis_node_was": ("{count} × (before {was}), median {span}", "{count} 次（上期 {was}），中位数 {span}"),
    "analysis_edge_was": ("{count} × (before {was}) · {span}", "{count} 次（上期 {was}）· {span}"),
    "analysis_follows": ("{before} → {after}", "{before} → {after}"),
    "analysis_cut": ("Only the newest {most} steps were looked at.", "仅统计最近 {most} 个步骤。"),
    "analysis_own": ("Only steps of your departments are counted.", "仅统计您所在部门的步骤。"),
}
