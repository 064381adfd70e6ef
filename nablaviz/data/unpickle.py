"""Reads NumPy arrays and plain containers from a pickle, by an interpreter that can do nothing else.

Python's own unpickler imports and calls whatever a pickle names. Here a name is only compared with the
few that NumPy writes, and no object of the pickle's choosing is ever made or called.
"""

from __future__ import annotations

import math
import pickletools
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

MOST_OPERATIONS = 200_000
"""Operations that are carried out; a wavefunction file has about a thousand."""

_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): "array",
    ("numpy._core.multiarray", "_reconstruct"): "array",
    ("numpy.core.multiarray", "scalar"): "scalar",
    ("numpy._core.multiarray", "scalar"): "scalar",
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("collections", "OrderedDict"): "dict",
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}
_DTYPE = re.compile(r"[fiub][1248]|[US]\d{1,3}|O8?")


@dataclass(frozen=True)
class _Name:
    """One of the names that are allowed."""

    kind: str


@dataclass
class _Dtype:
    """An element type under construction."""

    code: str
    order: str = "<"

    def numpy(self) -> np.dtype:
        return np.dtype(self.order + self.code)


@dataclass(eq=False)
class _Array:
    """An array before its contents are known."""


class _Mark:
    """Where a run of items begins on the stack."""


def load(data: bytes) -> Any:
    """The dicts, lists, tuples, texts, numbers and arrays in a pickle.

    Raises
    ------
    ValueError
        If it is damaged, or holds anything else, which is named.
    """
    try:
        return _Interpreter().run(data)
    except (IndexError, KeyError, TypeError, AttributeError, OverflowError) as fault:
        raise ValueError(f"the pickle is damaged ({type(fault).__name__}: {fault})") from fault


class _Interpreter:
    """A stack, the marks on it, and a memo."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        for count, (operation, argument, _) in enumerate(pickletools.genops(data)):
            if count > MOST_OPERATIONS:
                raise ValueError(f"the pickle has more than {MOST_OPERATIONS} operations")
            if operation.name == "STOP":
                return self.stack.pop()
            self.step(operation.name, argument)
        raise ValueError("the pickle has no end")

    def step(self, name: str, argument: Any) -> None:
        stack, memo = self.stack, self.memo
        if name in _LITERALS:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in ("PROTO", "FRAME"):
            pass
        elif name == "MARK":
            stack.append(_Mark)
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "EMPTY_DICT":
            stack.append({})
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name == "EMPTY_TUPLE":
            stack.append(())
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            self.push_tuple(int(name[-1]))
        elif name == "TUPLE":
            stack.append(tuple(self.since_mark()))
        elif name == "APPEND":
            self.extend([stack.pop()])
        elif name == "APPENDS":
            self.extend(self.since_mark())
        elif name == "SETITEM":
            value, key = stack.pop(), stack.pop()
            self.update([key, value])
        elif name == "SETITEMS":
            self.update(self.since_mark())
        elif name == "GLOBAL":
            stack.append(_lookup(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            stack.append(_lookup(module, attribute))
        elif name == "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            stack.append(_make(function, arguments))
        elif name == "BUILD":
            self.build(stack.pop())
        else:
            raise ValueError(f"the pickle asks for {name}, which no array needs; nothing was run")

    def push_tuple(self, n: int) -> None:
        if len(self.stack) < n:
            raise IndexError("the stack is empty")
        items = self.stack[-n:]
        self.stack[-n:] = [tuple(items)]

    def since_mark(self) -> list[Any]:
        at = len(self.stack) - 1
        while self.stack[at] is not _Mark:
            at -= 1
            if at < 0:
                raise IndexError("no mark")
        items = self.stack[at + 1 :]
        del self.stack[at:]
        return items

    def extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise TypeError("items for what is not a list")
        self.stack[-1].extend(items)

    def update(self, items: list[Any]) -> None:
        keys = items[::2]
        if type(self.stack[-1]) is not dict or len(items) % 2:
            raise TypeError("items for what is not a dict")
        if not all(type(k) in (str, int) for k in keys):
            raise TypeError("a key that is neither text nor a whole number")
        self.stack[-1].update(zip(keys, items[1::2], strict=True))

    def build(self, state: Any) -> None:
        target = self.stack[-1]
        if type(target) is _Dtype:
            # (version, byte order, …): the rest says nothing that the code does not say.
            if state[1] not in ("<", ">", "|"):
                raise ValueError(f"byte order {state[1]!r} is not supported")
            target.order = state[1]
        elif type(target) is _Array:
            array = _fill(state)
            self.stack[-1] = array
            for key, value in self.memo.items():
                if value is target:
                    self.memo[key] = array
        else:
            raise TypeError("a state for what is no array")


def _lookup(module: Any, name: Any) -> _Name:
    kind = _NAMES.get((module, name)) if type(module) is type(name) is str else None
    if kind is None:
        raise ValueError(f"the pickle asks for {module}.{name}, which is not array data; nothing was run")
    return _Name(kind)


def _make(function: Any, arguments: Any) -> Any:
    kind = function.kind if type(function) is _Name and type(arguments) is tuple else None
    if kind == "array" and arguments[0] == _Name("ndarray"):
        return _Array()
    if kind == "dtype":
        if not (type(arguments[0]) is str and _DTYPE.fullmatch(arguments[0])):
            raise ValueError(f"elements of type {arguments[0]!r} are not supported")
        return _Dtype(arguments[0])
    if kind == "scalar" and type(arguments[0]) is _Dtype:
        return _elements(arguments[0], arguments[1], ()).item()
    if kind == "dict" and not arguments:
        return {}
    raise TypeError("a call of what is no function")


def _fill(state: tuple[Any, ...]) -> Any:
    _, shape, dtype, fortran, data = state
    if type(shape) is not tuple or not all(type(k) is int and k >= 0 for k in shape) or len(shape) > 8:
        raise TypeError(f"shape {shape!r}")
    if type(dtype) is not _Dtype:
        raise TypeError("an array without an element type")
    if dtype.code[0] != "O":
        return _elements(dtype, data, shape, "F" if fortran else "C")
    if type(data) is not list or shape not in ((), (len(data),)):
        raise TypeError("an array of objects whose items do not fit its shape")
    return data if shape else data[0]


def _elements(dtype: _Dtype, data: Any, shape: tuple[int, ...], order: Any = "C") -> np.ndarray:
    if type(data) is not bytes or dtype.code[0] == "O":  # bytes must never become pointers
        raise TypeError("the elements of an array are not bytes")
    kind = dtype.numpy()
    if len(data) != math.prod(shape) * kind.itemsize:
        raise TypeError(f"{len(data)} bytes for shape {shape} of {kind}")
    return np.ndarray(shape, kind, data, order=order) if data else np.empty(shape, kind)
