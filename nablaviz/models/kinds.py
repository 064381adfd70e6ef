"""Records made from values of a file, each of which must be of the kind that the record says."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

RecordT = TypeVar("RecordT")

WORDS = {int: "an integer", float: "a number", str: "text", bool: "true or false", types.NoneType: "none"}


def kinds(record: type) -> dict[str, Any]:
    """The type of each field of a dataclass."""
    hints = get_type_hints(record)
    return {field.name: hints[field.name] for field in fields(record)}


def build(record: type[RecordT], values: Any) -> RecordT:
    """A dataclass from JSON values; lists become tuples where it has tuples.

    Raises
    ------
    ValueError
        If there is a field that it has not, one is missing, or a value is of another kind.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"there are no names and values, but {values!r}")
    known = kinds(record)
    if unknown := sorted(map(str, values.keys() - known)):
        raise ValueError(f"there is no {unknown[0]!r}; there are {', '.join(known)}")
    needed = [f.name for f in fields(record) if f.default is f.default_factory is MISSING]  # type: ignore[arg-type]
    for name in needed:
        if name not in values:
            raise ValueError(f"{name!r} is missing")
    check(known, values)
    return record(**{k: tuple(v) if get_origin(known[k]) is tuple else v for k, v in values.items()})


def check(known: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` naming the first value that is not of its kind."""
    for name, value in values.items():
        if not _is(value, known[name]):
            raise ValueError(f"{name} must be {words(known[name])}, not {value!r:.80}")


def _is(value: Any, kind: Any) -> bool:
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return any(_is(value, one) for one in inside)
    if origin is tuple:
        return isinstance(value, list | tuple) and all(_is(one, inside[0]) for one in value)
    if kind in (int, float):
        return isinstance(value, int | kind) and not isinstance(value, bool)
    if origin is not None:
        return (
            isinstance(value, Mapping)
            and all(_is(k, inside[0]) for k in value)
            and all(_is(v, inside[1]) for v in value.values())
        )
    return kind is Any or isinstance(value, kind)


def words(kind: Any) -> str:
    """A kind in words."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(map(words, inside))
    if origin is tuple:
        return f"a list, each {words(inside[0])}"
    return WORDS.get(kind, "a table of names and values")
