"""Classes go along the lineage, up to what a column states itself."""

from __future__ import annotations

from ops_assets.access import SecurityClass
from ops_assets.class_inheritance import with_inherited_classes
from ops_assets.dictionary.security import ModelSecurity
from ops_assets.lineage import Column, Lineage, Relation


def relation(name: str, **values: list[str]) -> Relation:
    columns = {
        column: tuple(Column(*source.rsplit(".", 1)) for source in sources) for column, sources in values.items()
    }
    return Relation(name, "staging", tuple(values), columns, ())


def model(unstated: tuple[str, ...] = (), **columns: SecurityClass) -> ModelSecurity:
    return ModelSecurity(columns=columns, unstated=unstated)


LINEAGE = Lineage(
    {
        "hr.people": relation("hr.people", login=[], team=[]),
        "stg": relation("stg", who=["hr.people.login"], team=["hr.people.team"]),
        "between": relation("between", text=["stg.who", "stg.team"]),
        "fct": relation("fct", label=["between.text"], people=["stg.who"], team=["stg.team"]),
    }
)
SECURITY = {
    "hr.people": model(("team",), login="personal", team="internal"),
    "stg": model(("who", "team"), who="internal", team="internal"),
    "fct": model(("label", "team"), label="internal", people="internal", team="internal"),
    "other_pack": model(("who",), who="internal"),
}


def test_what_states_no_class_has_that_of_what_it_is_made_of() -> None:
    found = with_inherited_classes(SECURITY, LINEAGE)
    assert dict(found["stg"].columns) == {"who": "personal", "team": "internal"}
    # Through a model without a .yml of its own, too.
    assert found["fct"].columns["label"] == "personal"
    assert found["fct"].columns["team"] == "internal"


def test_a_stated_class_stands_also_a_lower_one() -> None:
    assert with_inherited_classes(SECURITY, LINEAGE)["fct"].columns["people"] == "internal"


def test_models_without_lineage_keep_what_they_have() -> None:
    assert with_inherited_classes(SECURITY, LINEAGE)["other_pack"] == SECURITY["other_pack"]
    assert with_inherited_classes(SECURITY, Lineage({})) == SECURITY
