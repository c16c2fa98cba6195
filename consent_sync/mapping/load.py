"""Reading ``mapping.yaml``: every mistake is reported with its line, its key and the remedy, all at once."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from consent_sync.errors import ConsentSyncError

from .schema import MappingFile, Provable


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in the mapping: where it stands, what is wrong, and how to mend it."""

    line: int
    key: str
    says: str
    remedy: str


class MappingError(ConsentSyncError):
    """The mapping cannot be used. Mend each problem listed, in the file and line named, and start again."""

    def __init__(self, path: str, problems: Sequence[Problem]) -> None:
        self.path, self.problems = path, tuple(problems)
        lines = [f"{path}:{p.line}: {p.key}: {p.says}. {p.remedy}" for p in problems]
        super().__init__("the mapping cannot be used:\n  " + "\n  ".join(lines))


@dataclass(frozen=True)
class LoadedMapping:
    """A mapping that is well-formed in itself; `fingerprint` changes whenever its meaning does."""

    path: str
    file: MappingFile
    _tree: CommentedMap

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits over the validated content: comments and order of keys do not count."""
        canonical = json.dumps(_canonical(self.file.model_dump(mode="json")), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def problem(self, keys: Sequence[str | int], says: str, remedy: str) -> Problem:
        """Describe a mistake at `keys`, the path from the top of the file."""
        return Problem(_line_of(self._tree, keys), _dotted(keys), says, remedy)


def _canonical(value: Any) -> Any:
    """Give `value` with its lists in one order: the order of a set changes from process to process."""
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    return sorted((_canonical(item) for item in value), key=json.dumps) if isinstance(value, list) else value


def load_mapping(path: str | Path) -> LoadedMapping:
    """Read and validate the mapping at `path`. Raises :class:`MappingError` with everything that is wrong."""
    name = str(path)
    try:
        tree = YAML(typ="rt").load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MappingError(
            name, [Problem(0, "-", "no such file", "Set MAPPING_FILE to the path of the mapping")]
        ) from None
    except UnicodeDecodeError:
        raise MappingError(name, [Problem(0, "-", "not UTF-8 text", "Save the file as UTF-8")]) from None
    except YAMLError as error:
        raise MappingError(name, [_not_yaml(error)]) from None
    if not isinstance(tree, CommentedMap):
        raise MappingError(name, [Problem(1, "-", "not a mapping of keys", "Start from mapping.example.yaml")])
    try:
        file = MappingFile.model_validate(_plain(tree))
    except ValidationError as error:
        raise MappingError(name, [_invalid(tree, e) for e in error.errors()]) from None
    loaded = LoadedMapping(name, file, tree)
    if problems := list(_contradictions(loaded)):
        raise MappingError(name, problems)
    return loaded


def _not_yaml(error: YAMLError) -> Problem:
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    says = (error.problem if isinstance(error, MarkedYAMLError) else None) or "not YAML"
    return Problem(mark.line + 1 if mark else 1, "-", says.replace("\n", " "), "Mend the YAML at this line")


def _plain(value: Any) -> Any:
    if isinstance(value, CommentedMap):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, CommentedSeq) else value


def _invalid(tree: CommentedMap, error: Any) -> Problem:
    keys = tuple(key for key in error["loc"] if key != "[key]")
    remedies = {
        "extra_forbidden": _nearest(keys),
        "missing": "Add it; mapping.example.yaml shows how",
        "uuid_parsing": "Write the id as 8-4-4-4-12 hexadecimal digits, as the record's address shows it",
        "uuid_type": "Write the id as 8-4-4-4-12 hexadecimal digits, in quotes",
    }
    says = "unknown key" if error["type"] == "extra_forbidden" else error["msg"][0].lower() + error["msg"][1:]
    if keys[-1:] == ("members",) and error["type"] != "missing":
        says, remedy = "unknown list polarity", "Say 'subscribed' or 'opted_out': what being on this list means"
    elif keys[-2:-1] == ("trusted_opt_in_sources",):
        says = "no source that proves an opt-in: a load may only carry defaults over"
        remedy = f"Remove it; known here: {', '.join(get_args(Provable))}"
    else:
        remedy = remedies.get(error["type"], "Mend the value; mapping.example.yaml shows how")
    return Problem(_line_of(tree, keys), _dotted(keys), says, remedy)


def _nearest(keys: Sequence[str | int]) -> str:
    model: Any = MappingFile
    for key in keys[:-1]:
        field = model.model_fields.get(key) if _is_model(model) else None
        model = _element(field.annotation) if field else model
    known = list(model.model_fields) if _is_model(model) else []
    close = difflib.get_close_matches(str(keys[-1]), known, n=1)
    return f"Did you mean '{close[0]}'?" if close else f"Remove it; known here: {', '.join(known)}"


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _element(annotation: Any) -> Any:
    """Give the model inside ``tuple[Model, ...]``, ``dict[str, Model]`` or an annotated form of them."""
    if _is_model(annotation):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _element(arg)) is not None), None)


def _line_of(tree: Any, keys: Sequence[str | int]) -> int:
    line = 1
    for key in keys:
        if isinstance(tree, CommentedMap) and key in tree:
            line = tree.lc.key(key)[0] + 1
        elif isinstance(tree, CommentedSeq) and isinstance(key, int) and key < len(tree):
            line = tree.lc.item(key)[0] + 1
        else:
            break
        tree = tree[key]
    return line


def _dotted(keys: Sequence[str | int]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".") or "-"


def _contradictions(loaded: LoadedMapping) -> Iterator[Problem]:
    """Find what each part allows and the whole does not: one topic with two lists, one list with two meanings."""
    topics: dict[UUID, str] = {}
    lists: dict[UUID, str] = {}
    profiles: dict[UUID, str] = {}
    for name, brand in loaded.file.brands.items():
        at: tuple[str | int, ...] = ("brands", name)
        other = profiles.setdefault(brand.profile, name)
        if other != name:
            remedy = "Give each brand its own compliance profile, or map both as one brand"
            yield loaded.problem((*at, "profile"), f"brand '{other}' has this profile already", remedy)
        for i, list_id in enumerate(brand.opt_out_lists):
            where = (*at, "opt_out_lists", i)
            if lists.setdefault(list_id, _dotted(where)) != _dotted(where):
                yield loaded.problem(where, f"this list is used at {lists[list_id]} already", "Use each list once")
        for i, pair in enumerate(brand.topics):
            where = (*at, "topics", i)
            if topics.setdefault(pair.topic, _dotted(where)) != _dotted(where):
                remedy = "Keep the one list whose members are this topic's subscribers"
                yield loaded.problem(
                    (*where, "topic"), f"this topic has a list at {topics[pair.topic]} already", remedy
                )
            if lists.setdefault(pair.list, _dotted(where)) != _dotted(where):
                yield loaded.problem(
                    (*where, "list"), f"this list is used at {lists[pair.list]} already", "Use each list once"
                )
