"""What a table definition is made of: columns, lookups, relationships."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

Kind = Literal[
    "string",
    "memo",
    "boolean",
    "int",
    "bigint",
    "decimal",
    "money",
    "datetime",
    "guid",
    "picklist",
    "state",
    "status",
    "lookup",
]
OnDelete = Literal["remove_link", "cascade", "none"]

TEXT_KINDS = frozenset({"string", "memo"})
OPTION_KINDS = frozenset({"picklist", "state", "status"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    `required` is SystemRequired: Dataverse enforces that one. ApplicationRequired binds forms only, so it is not here.
    `navs` maps each target table of a lookup to its navigation property; `collection` names the way back (1:N).
    `states` maps a status value to the state it belongs to. A lookup that is not `navigable` has only its `_x_value`.
    """

    name: str
    kind: Kind
    length: int = 0
    required: bool = False
    default: Any = None
    options: dict[int, str] = field(default_factory=dict)
    states: dict[int, int] = field(default_factory=dict)
    labels: tuple[str, str] = ("No", "Yes")
    navs: dict[str, str] = field(default_factory=dict)
    collection: str = ""
    on_delete: OnDelete = "remove_link"
    readable: bool = True
    on_create: bool = True
    on_update: bool = True
    indexed: bool = False
    navigable: bool = True

    @property
    def api_name(self) -> str:
        """Name of the column in Web API JSON and in `$select` (`_x_value` for lookups)."""
        return f"_{self.name}_value" if self.kind == "lookup" else self.name

    @property
    def polymorphic(self) -> bool:
        """True for a lookup with several target tables: the row then also stores which one."""
        return len(self.navs) > 1

    @property
    def type_name(self) -> str:
        """Name of the stored field that holds the target table of a polymorphic lookup."""
        return f"{self.name}.type"


@dataclass(frozen=True, slots=True)
class Navigation:
    """A navigation property: where it leads and through which columns.

    `local` and `remote` are columns of this table and of `target`. For a many-to-many one the link goes through
    table `through`: `local` = `through.near`, `through.far` = `remote`.
    """

    name: str
    target: str
    local: str
    remote: str
    many: bool
    schema_name: str
    through: str = ""
    near: str = ""
    far: str = ""


@dataclass(frozen=True, slots=True)
class ManyToMany:
    """An N:N relationship kept in an intersect table; same navigation name on both sides.

    `view`: the table is one of its own (listmember), and writing it goes by its own rules.
    """

    name: str
    left: str
    right: str
    table: str
    left_column: str
    right_column: str
    view: bool = False


@dataclass(slots=True)
class Table:
    """One table. `messages` are those it supports; `set_name` is its name in URLs.

    `privileges` maps an access right (`Read`) to the privilege that gives it (`prvReadContact`); what is not in it is
    free.
    """

    name: str
    set_name: str
    id: str
    title: str | None
    code: int
    columns: dict[str, Column]
    messages: frozenset[str]
    ownership: Literal["user", "organization", "none"]
    change_tracking: bool = False
    events: frozenset[str] = frozenset()
    privileges: dict[str, str] = field(default_factory=dict)
    navigations: dict[str, Navigation] = field(default_factory=dict)
    by_api_name: dict[str, Column] = field(default_factory=dict)
    fields: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.by_api_name = {column.api_name: column for column in self.columns.values()}
        fields: list[str] = []
        for column in self.columns.values():
            fields.append(column.name)
            if column.polymorphic:
                fields.append(column.type_name)
        self.fields = tuple(fields)

    def defaults(self) -> dict[str, Any]:
        """A new row: the columns that have a default."""
        return {column.name: column.default for column in self.columns.values() if column.default is not None}


def text(name: str, length: int = 100, **more: Any) -> Column:
    """A single-line text column of at most `length` characters."""
    return Column(name, "string", length=length, **more)


def texts(length: int, *names: str) -> list[Column]:
    """Several single-line text columns of one length."""
    return [text(name, length) for name in names]


def memo(name: str, length: int = 2000, **more: Any) -> Column:
    """A multi-line text column."""
    return Column(name, "memo", length=length, **more)


def yes_no(name: str, labels: tuple[str, str] = ("No", "Yes"), *, default: bool | None = False, **more: Any) -> Column:
    """A two-options column; `labels` are those of false and true."""
    return Column(name, "boolean", default=default, labels=labels, **more)


def number(name: str, **more: Any) -> Column:
    """A whole-number column."""
    return Column(name, "int", **more)


def moment(name: str, **more: Any) -> Column:
    """A date and time column (UTC, whole seconds)."""
    return Column(name, "datetime", **more)


def choice(name: str, options: dict[int, str], **more: Any) -> Column:
    """A choice column."""
    return Column(name, "picklist", options=options, **more)


def choice_from(name: str, first: int, *labels: str, **more: Any) -> Column:
    """A choice column whose values count up from `first`."""
    return choice(name, dict(enumerate(labels, first)), **more)


def lookup(name: str, navs: str | dict[str, str], **more: Any) -> Column:
    """A lookup column: one target table (navigation = column name) or target -> navigation property."""
    return Column(name, "lookup", navs={navs: name} if isinstance(navs, str) else navs, **more)


def state(*states: tuple[str, dict[int, str]]) -> list[Column]:
    """The statecode and statuscode pair: for each state its label and its status values; the first are the defaults."""
    options = {code: label for code, (label, _) in enumerate(states)}
    statuses = {value: label for _, values in states for value, label in values.items()}
    belongs = {value: code for code, (_, values) in enumerate(states) for value in values}
    first = next(iter(statuses))
    return [
        Column("statecode", "state", options=options, default=0),
        Column("statuscode", "status", options=statuses, states=belongs, default=first),
    ]


def read_only(column: Column) -> Column:
    """The same column, ignored when a caller writes it."""
    return replace(column, on_create=False, on_update=False)
