"""Predictions of any form come to the rows of the dataset, or are refused by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nablaviz
from nablaviz.data.memory import Memory
from nablaviz.models.interface import Prediction
from nablaviz.molecule import Conformer
from nablaviz.studies.metrics import measure
from nablaviz.studies.predictions import align, predict, sources


class Wrong:
    """Energies too high by 1 mEh per atom."""

    def __init__(self, dataset):
        self.energies = {c.molecule.positions.tobytes(): c.energy for c in dataset}

    def predict(self, molecules):
        return [Prediction(m, energy=self.energies[m.positions.tobytes()] + 1e-3 * len(m)) for m in molecules]


@pytest.fixture(scope="module")
def dataset():
    return Memory(nablaviz.sample().select(np.r_[0:20, 300:320]))


@pytest.fixture(scope="module")
def table(dataset):
    return measure(Wrong(dataset), dataset, progress=False)


def test_lines_are_joined_by_their_ids(dataset, table):
    shuffled = table.sample(frac=0.7, random_state=0)
    found = align(shuffled, dataset, "t")
    assert found.index.tolist() == sorted(shuffled.index)
    assert np.allclose(found.energy_mae, 1e-3 * dataset.table.n_atoms[found.index])


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet"])
def test_files(dataset, table, tmp_path, ending):
    path = tmp_path / f"errors{ending}"
    (table.to_parquet if ending == ".parquet" else table.to_csv)(path, index=False)
    (source,) = sources(str(path), dataset)
    assert source.table is not None
    assert np.allclose(source.table.energy_mae, table.energy_mae, rtol=1e-12)
    with pytest.raises(FileNotFoundError):
        sources(tmp_path / f"none{ending}", dataset)
    path.write_bytes(b"\x00\xff no table")
    with pytest.raises(ValueError, match="errors"):
        sources(path, dataset)


def test_a_model_predicts_in_parts(dataset, table):
    (source,) = sources({"mine": Wrong(dataset)}, dataset)
    assert source.name == "mine"
    said = []
    parts = list(predict(source, dataset, lambda text, part: said.append((text, part))))
    assert len(parts) == len(said) == 3
    assert [part for _, part in said] == sorted(part for _, part in said)
    whole = pd.concat(parts).sort_index()
    assert whole.index.tolist() == list(range(len(dataset)))
    assert np.allclose(whole.energy_mae, table.energy_mae)


def test_without_ids_lines_keep_their_order(dataset, table):
    bare = Memory([Conformer(c.molecule, energy=c.energy) for c in dataset])
    found = align(table.drop(columns=["moses_id", "conformation_id"]), bare, "t")
    assert np.allclose(found.energy_mae, table.energy_mae)
    with pytest.raises(ValueError, match="39 lines and the dataset 40 conformers"):
        align(table[:39], bare, "t")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop(columns=["energy_mae", "energy_per_atom_mae"]), "no column is a measure of error"),
        (lambda t: t.assign(energy_mae=np.inf), "line 0: energy_mae is infinite"),
        (lambda t: t.assign(energy_mae="large"), "column energy_mae"),
        (lambda t: t.assign(conformation_id=0.5), "must be whole numbers"),
        (lambda t: t.assign(moses_id=7), "t has conformer 7/|conformer 7/0 is not in the dataset"),
        (lambda t: pd.concat([t, t[:1]]), "t has conformer .* twice"),
        (lambda t: t.assign(moses_id=t.moses_id + 10**9), "is not in the dataset, nor are 39 others"),
        (lambda t: t.assign(formula="C99"), "formula is C99 .*errors of other conformers"),
    ],
)
def test_tables_of_something_else_are_refused(dataset, table, change, said):
    with pytest.raises(ValueError, match=said):
        align(change(table), dataset, "t")


@pytest.mark.parametrize("bad", [None, 3, [1, 2], object()])
def test_what_predicts_nothing_is_refused(dataset, bad):
    with pytest.raises(TypeError, match="allowed: a model"):
        sources(bad, dataset)


def test_names_and_numbers_of_models(dataset, table):
    with pytest.raises(ValueError, match="no model or file 'energi'"):
        sources("energi", dataset)
    first, second = sources({"a": table, "b": "core"}, dataset)
    assert (first.name, second.name) == ("a", "b")
    assert second.model is not None
    for number in (0, 3):
        with pytest.raises(ValueError, match=f"not {number}"):
            sources({str(i): table for i in range(number)}, dataset)


values = st.one_of(
    st.none(), st.floats(), st.integers(-(2**70), 2**70), st.text(max_size=5), st.binary(max_size=3)
)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["moses_id", "conformation_id", "energy_mae", "energy", "formula", "n_atoms", "x"]),
        st.lists(values, min_size=3, max_size=3),
    )
)
def test_any_table_is_aligned_or_refused(columns):
    dataset = nablaviz.sample()[:3]
    try:
        found = align(pd.DataFrame(columns), dataset, "t")
    except ValueError as fault:
        assert "t" in str(fault)
    else:
        assert found.index.isin(range(3)).all()
        assert not np.isinf(found.select_dtypes("number")).any(axis=None)
