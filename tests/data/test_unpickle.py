"""The interpreter of pickles: NumPy's own come out right, everything else is refused and not run."""

from __future__ import annotations

import collections
import contextlib
import io
import os
import pickle
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nablaviz.data.unpickle import load

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.lists(inner).map(tuple)
    ),
    max_leaves=20,
)
dtypes = st.sampled_from(["f8", "f4", "i8", "i4", "u1", "?", "U3", ">f8"])
any_array = dtypes.flatmap(lambda d: arrays(d, st.lists(st.integers(0, 3), max_size=3).map(tuple)))


@given(plain, st.sampled_from([3, 4]))
def test_plain_values_round_trip(value, protocol):
    assert load(pickle.dumps(value, protocol)) == value


@given(any_array, st.sampled_from([3, 4]), st.booleans())
def test_arrays_round_trip(array, protocol, fortran):
    array = np.asfortranarray(array) if fortran else array
    found = load(pickle.dumps({"a": array, "again": array}, protocol))
    assert found["a"].dtype == array.dtype
    assert found["a"].shape == array.shape
    assert found["a"].tobytes() == array.tobytes()
    assert found["again"] is found["a"]


@pytest.mark.parametrize("protocol", [3, 4])
def test_what_numpy_saves_is_read(protocol):
    value = {
        "x": np.float64(1.5),
        "n": np.int64(3),
        "d": collections.OrderedDict(a=[1, (2, "b")]),
        "f": np.eye(3),
    }
    found = load(pickle.dumps(np.array(value, dtype=object), protocol))
    assert (found["x"], found["n"], found["d"]) == (1.5, 3, {"a": [1, (2, "b")]})
    assert np.array_equal(found["f"], np.eye(3))
    buffer = io.BytesIO()
    np.save(buffer, np.array(value, dtype=object), allow_pickle=True)
    assert load(buffer.getvalue()[128:])["x"] == 1.5


class Runs:
    """Leaves a file behind if it is unpickled by a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    "function", [os.system, subprocess.check_output, eval, exec, getattr, __import__, open]
)
def test_code_is_named_and_not_run(tmp_path, monkeypatch, protocol, function):
    monkeypatch.chdir(tmp_path)
    name = (
        "w"
        if function is open
        else "__import__('os').mkdir('hacked')"
        if function in (eval, exec)
        else "mkdir hacked"
    )
    data = pickle.dumps({"a": Runs(function, name, *(["w"] if function is open else []))}, protocol)
    with pytest.raises(
        ValueError, match=rf"asks for .*{function.__name__}|damaged|asks for [A-Z]+"
    ) as refusal:
        load(data)
    if protocol in (2, 3, 4, 5):
        assert function.__name__ in str(refusal.value)
        assert "nothing was run" in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "numpy.load",
        "numpy.core.multiarray.fromfile",
        "numpy.ndarray.tofile",
        "builtins.dict",
        "numpy.dtype.x",
    ],
)
def test_other_names_are_refused_in_either_spelling(name):
    module, attribute = name.rsplit(".", 1)
    for data in (
        f"c{module}\n{attribute}\n)R.".encode(),
        pickle.PROTO
        + b"\x04"
        + b"".join(b"\x8c" + bytes([len(t)]) + t.encode() for t in (module, attribute))
        + b"\x93)R.",
    ):
        with pytest.raises(ValueError, match="nothing was run"):
            load(data)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "a pickle without a byte"),
        (b"\x80\x04", "no end"),
        (b"\x80\x04.", "nothing on the stack"),
        (b"\x80\x04R.", "a call of nothing"),
        (b"\x80\x04]\x94\x86.", "a pair of one item"),
        (b"\x80\x04e.", "items without a mark"),
        (b"\x80\x04K\x01(K\x02e.", "items for a number"),
        (b"\x80\x04}](K\x02u.", "items for a list"),
        (b"\x80\x04}(]K\x02u.", "a list as key"),
        (b"\x80\x04h\x05.", "a memo that was never put"),
        (b"\x80\x04K\x01r\xff\xff\xff\xffh\x01.", "an enormous memo index, then another"),
        (b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x0fx.", "bytes longer than the file"),
        (b"\x80\x04cnumpy\ndtype\n\x8c\x04O128\x85R.", "an unknown element type"),
        (b"\x80\x04cnumpy\ndtype\n\x8c\x02f8\x85Rb.", "a state of nothing"),
        (b"\x80\x04}}b.", "a state for a dict"),
        (b"\x80\x04Q.", "a persistent id"),
        (b"\x80\x04\x82\x01.", "an extension"),
        (b"\x80\x04\x97.", "a buffer outside"),
    ],
)
def test_damage_is_an_error(data, what):
    with pytest.raises(ValueError, match="."):
        load(data)


def reconstruct(state: bytes) -> bytes:
    begin = b"\x80\x04cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
    dtype = (
        b"cnumpy\ndtype\n\x8c\x02f8\x89\x88\x87R(K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    return begin + b"(K\x01" + state.replace(b"DTYPE", dtype) + b"tb."


def test_array_states_are_checked():
    sound = reconstruct(b"K\x02\x85DTYPE\x89C\x10" + np.arange(2.0).tobytes())
    assert np.array_equal(load(sound), [0, 1])
    for state in (
        b"K\x03\x85DTYPE\x89C\x10" + bytes(16),  # more elements than bytes
        b"\x8a\x08" + b"\xff" * 7 + b"\x7f\x85DTYPE\x89C\x10" + bytes(16),  # 2^63 elements
        b"J\xff\xff\xff\xff\x85DTYPE\x89C\x00",  # a negative size
        b"K\x02\x85N\x89C\x10" + bytes(16),  # no element type
        b"K\x02\x85DTYPE\x89]",  # a list for bytes
        b"K\x02DTYPE\x89C\x10" + bytes(16),  # a number for a shape
    ):
        with pytest.raises(ValueError, match="damaged"):
            load(reconstruct(state))


@pytest.mark.parametrize("pointer", [bytes(8), b"\x10" * 8])
def test_bytes_do_not_become_pointers(pointer):
    objects = (
        b"cnumpy\ndtype\n\x8c\x02O8\x89\x88\x87R(K\x03\x8c\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ftb"
    )
    scalar = b"\x80\x04cnumpy.core.multiarray\nscalar\n" + objects + b"C\x08" + pointer + b"\x86R."
    array = reconstruct(b"K\x01\x85DTYPE\x89C\x08" + pointer).replace(b"\x8c\x02f8", b"\x8c\x02O8")
    for data in (scalar, array):
        with pytest.raises(ValueError, match="damaged"):
            load(data)


def test_too_many_operations_are_refused():
    with pytest.raises(ValueError, match="more than 200000 operations"):
        load(b"\x80\x04" + b"N" * 300_000 + b".")


def test_a_container_that_holds_itself_is_only_data():
    loop: list = []
    loop.append(loop)
    found = load(pickle.dumps(loop))
    assert found[0] is found


@settings(max_examples=300)
@given(st.binary(max_size=80), st.integers(0, 120))
def test_noise_is_data_or_an_error(noise, at):
    sound = pickle.dumps({"a": np.arange(3.0), "b": [1, "x"]}, 4)
    for data in (noise, b"\x80\x04" + noise, sound[:at] + noise + sound[at + len(noise) :]):
        with contextlib.suppress(ValueError):
            load(data)
