"""The tables the emulator knows, as data, linked into one catalogue."""

from __future__ import annotations

from . import audit, consent, lists, people, security, system
from .model import Column, ManyToMany, Navigation, Table

__all__ = ["BY_NAME", "BY_SET", "MANY", "Column", "ManyToMany", "Navigation", "Table", "referencing"]


def _link_lookups(tables: dict[str, Table]) -> None:
    """Give each lookup its single-valued navigation, and its targets the collection that leads back."""
    for table in tables.values():
        for column in table.columns.values():
            for target, nav in column.navs.items():
                if target not in tables or not column.navigable:
                    continue
                key = tables[target].id
                schema_name = (column.collection or f"{table.name}_{column.name}_{target}").format(target=target)
                table.navigations[nav] = Navigation(nav, target, column.name, key, many=False, schema_name=schema_name)
                if column.collection:
                    tables[target].navigations[schema_name] = Navigation(
                        schema_name, table.name, key, column.name, many=True, schema_name=schema_name
                    )


def _link_many(tables: dict[str, Table], relation: ManyToMany) -> None:
    for near, far, near_column, far_column in (
        (relation.left, relation.right, relation.left_column, relation.right_column),
        (relation.right, relation.left, relation.right_column, relation.left_column),
    ):
        tables[near].navigations[relation.name] = Navigation(
            relation.name,
            far,
            tables[near].id,
            tables[far].id,
            many=True,
            schema_name=relation.name,
            through=relation.table,
            near=near_column,
            far=far_column,
        )


def _build() -> dict[str, Table]:
    found = [*people.tables(), *lists.tables(), *consent.tables(), *system.tables(), *security.tables()]
    found += audit.tables([table for table in found if "modifiedon" in table.columns])
    tables = {table.name: table for table in found}
    _link_lookups(tables)
    for relation in MANY.values():
        _link_many(tables, relation)
    return tables


MANY: dict[str, ManyToMany] = {
    relation.name: relation for relation in [*lists.many_to_many(), *consent.many_to_many(), *security.many_to_many()]
}
BY_NAME: dict[str, Table] = _build()
BY_SET: dict[str, Table] = {table.set_name: table for table in BY_NAME.values()}


def referencing(target: str) -> list[tuple[Table, Column]]:
    """Every lookup column that can point at a row of table `target`."""
    return [(table, column) for table in BY_NAME.values() for column in table.columns.values() if target in column.navs]
