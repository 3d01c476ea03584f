"""Words of the page of incidents."""

from __future__ import annotations

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    "nav_incidents": ("Incidents", "数据事件"),
    "incidents": ("Incidents", "数据事件"),
    "incidents_lead": (
        "One line for each root cause of what fails. What fails because of it is part of it; it closes by itself when "
        "it is well again.",
        "每个根因一行，因它而异常的内容并入其中；恢复正常后自动关闭。",
    ),
    "incidents_none": ("Nothing fails: no incident is open.", "一切正常，没有未关闭的数据事件。"),
    "incidents_open_only": ("Only open ones", "仅显示未关闭"),
    "incidents_all": ("Also closed ones", "包含已关闭"),
    "incident_root": ("Root cause", "根因"),
    "incident_failed": ("What failed", "故障内容"),
    "incident_held": ("Held back", "暂停发布"),
    "incident_symptoms": ("Also failing because of it", "因此一并异常"),
    "incident_seen": ("Last seen", "最近出现"),
    "incident_since": ("since", "自"),
    "incident_times": ("recorded {count} times", "记录 {count} 次"),
    "incident_back": ("came back {count} times", "再次出现 {count} 次"),
    "incident_with": ("With", "处理人"),
    "incident_last_good": ("last good figures of {day}", "最近合格数据：{day}"),
    "incident_none_good": ("no good figures yet", "尚无合格数据"),
    "incident_part_of": ("part of {case}", "并入 {case}"),
    "incident_took_in": ("took in {cases}", "已并入：{cases}"),
    "incident_until": ("until {at}", "至 {at}"),
    "incident_nobody": ("nobody yet ({role})", "暂无（{role}）"),
    "standing_open": ("open", "待处理"),
    "standing_acknowledged": ("looked after", "处理中"),
    "standing_snoozed": ("snoozed", "已暂缓"),
    "standing_waiting": ("waits for the check", "等待检查通过"),
    "standing_resolved": ("well again", "已恢复"),
    "standing_joined": ("part of another", "已并入其他事件"),
}
