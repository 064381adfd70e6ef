"""Published wavefunction files: what Psi4 saves of a calculation, one ``.npy`` per conformer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem import basis
from nablaviz.chem.arrays import finite, symmetric
from nablaviz.chem.atoms import formation_energy
from nablaviz.data import unpickle
from nablaviz.data.dataset import COLUMNS, DataError, Dataset
from nablaviz.data.store import to_row
from nablaviz.data.validate import located, number, shown
from nablaviz.molecule import Conformer, Molecule, check_closed_shell, check_elements
from nablaviz.units import AU2DEBYE, BOHR2ANGSTROM

if TYPE_CHECKING:
    import pandas as pd

MAGIC = b"\x93NUMPY"
LARGEST = 1 << 28
"""Largest file that is read, bytes; that of 62 atoms has about 65 million."""

LENGTH_UNITS = {"Angstrom": 1.0, "Bohr": BOHR2ANGSTROM}


class WavefunctionFile(Dataset):
    """A Psi4 wavefunction file, or a folder of them, read without running the pickle inside.

    The order of orbitals is found, and the geometry proved right, by the overlap matrix in each file.

    Parameters
    ----------
    path
        A file, or a folder of files named ``{moses_id}_{conformation_id}.npy``.

    Raises
    ------
    DataError
        If there is no such file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.files = sorted(self.path.glob("*.npy"), key=_ids) if self.path.is_dir() else [self.path]
        if not self.files:
            raise DataError(f"{shown(self.path)}: a folder without .npy files")
        if not self.path.is_dir():
            with located(shown(self.path)):
                _body(self.path)

    def __len__(self) -> int:
        return len(self.files)

    def where(self, row: int) -> str:
        """File and row, as errors and ``Conformer.source`` give them."""
        return f"{shown(self.files[row])}, row {row}"

    def _contents(self, row: int) -> Any:
        return unpickle.load(_body(self.files[row]))

    def _read(self, row: int) -> Conformer:
        with located(self.where(row)):
            return _conformer(self._contents(row), self.files[row], self.where(row))

    def match(self, row: int) -> basis.Match:
        """The order of orbitals found in a file; raises as :meth:`overlap`."""
        with located(self.where(row)):
            return _geometry(self._contents(row))[1]

    def overlap(self, row: int) -> np.ndarray:
        """The overlap matrix that the file holds, shape (n, n), in PySCF's order.

        Raises
        ------
        DataError
            If it is damaged.
        """
        with located(self.where(row)):
            molecule, match, stored = _geometry(self._contents(row))
            return basis.to_pyscf(stored, molecule.numbers, match.convention)

    def _read_table(self) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame([{k: v for k, v in to_row(c).items() if k in COLUMNS} for c in self])


def _ids(file: Path) -> tuple[int, int, str]:
    """Ids from a file's name, −1 where it does not hold them; then the name, to sort by."""
    found = re.fullmatch(r"(\d{1,18})_(\d{1,18})\.npy", file.name)
    return (int(found[1]), int(found[2]), file.name) if found else (-1, -1, file.name)


def _body(path: Path) -> bytes:
    """The pickle in a ``.npy`` file."""
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path.stat().st_size} bytes are too many for a wavefunction file")
    with open(path, "rb") as file:
        if file.read(6) != MAGIC:
            raise ValueError("not a NumPy file")
        file.seek(0)
        try:
            version = np.lib.format.read_magic(file)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, _, dtype = read[version](file)
        except Exception as fault:  # NumPy's parser raises whatever Python's tokeniser meets
            raise ValueError(f"the NumPy header is damaged: {fault}") from fault
        if dtype.kind != "O" or shape != ():
            raise ValueError(f"an array of {dtype} and shape {shape}, not a wavefunction")
        return file.read()


def _geometry(contents: Any) -> tuple[Molecule, basis.Match, np.ndarray]:
    """The molecule, the order of its orbitals, and the overlap matrix as it is stored, (n, n)."""
    numbers = np.asarray(_get(contents, "molecule", "elez")).astype(np.int64)
    check_elements(numbers)
    check_closed_shell(numbers)
    charge, multiplicity = (_get(contents, "molecule", f"molecular_{k}") for k in ("charge", "multiplicity"))
    if charge != 0 or multiplicity != 1:
        raise ValueError(f"charge {charge!r}, multiplicity {multiplicity!r}: only neutral closed shells")
    unit = _get(contents, "molecule", "units")
    if unit not in LENGTH_UNITS:
        raise ValueError(f"unknown unit {unit!r}; known are {', '.join(LENGTH_UNITS)}")
    positions = _floats(contents, "molecule", "geom", shape=(len(numbers), 3)) * LENGTH_UNITS[unit]
    n = basis.size(numbers)
    stored = symmetric(_floats(contents, "matrix", "S", shape=(n, n)), "S")
    match = basis.detect([(numbers, positions, stored)], rows=1, lengths=("Å",))
    return Molecule(numbers, positions), match, stored


def _conformer(contents: Any, file: Path, where: str) -> Conformer:
    molecule, match, _ = _geometry(contents)
    numbers, n = molecule.numbers, basis.size(molecule.numbers)
    fock = symmetric(_floats(contents, "matrix", "Fa", shape=(n, n)), "Fa")
    gradient = _get(contents, "matrix", "gradient")
    if gradient is not None:
        gradient = _floats(contents, "matrix", "gradient", shape=(len(numbers), 3))
    energy = number(_get(contents, "float", "energy"), "energy")
    iterations = _section(contents, "floatvar").get("SCF ITERATIONS")
    moses_id, conformation_id, _ = _ids(file)
    return Conformer(
        molecule,
        moses_id=moses_id if moses_id >= 0 else None,
        conformation_id=conformation_id if moses_id >= 0 else None,
        energy=energy,
        formation_energy=formation_energy(energy, numbers),
        forces=None if gradient is None else -gradient / BOHR2ANGSTROM,
        hamiltonian=basis.to_pyscf(fock, numbers, match.convention),
        orbital_energies=np.sort(_floats(contents, "vector", "epsilon_a", shape=(n,))),
        dipole=_dipole(contents),
        scf_iterations=None if iterations is None else _count(iterations, "SCF ITERATIONS"),
        source=where,
    )


def _dipole(contents: dict[str, Any]) -> np.ndarray | None:
    """Dipole moment, shape (3,), debye. Psi4 up to 1.3 saves it so, later ones as a vector in e·a0."""
    variables, arrays = (_section(contents, name) for name in ("floatvar", "matrixarr"))
    if all(f"SCF DIPOLE {k}" in variables for k in "XYZ"):
        return np.array([number(variables[f"SCF DIPOLE {k}"], "dipole") for k in "XYZ"])
    if "SCF DIPOLE" in arrays:
        return _floats(contents, "matrixarr", "SCF DIPOLE", shape=(3,)) * AU2DEBYE
    return None


def _section(contents: dict[str, Any], name: str) -> dict[str, Any]:
    """A part of the file that may be missing."""
    found = contents.get(name, {})
    if not isinstance(found, dict):
        raise ValueError(f"{name} must be a dictionary, not {type(found).__name__}")
    return found


def _count(value: object, name: str) -> int:
    found = number(value, name)
    if not (found.is_integer() and 0 <= found < 1 << 31):
        raise ValueError(f"{name} must be a count, not {found:g}")
    return int(found)


def _get(contents: Any, section: str, name: str) -> Any:
    try:
        return contents[section][name]
    except (KeyError, TypeError, IndexError) as fault:
        raise ValueError(f"there is no {section}.{name}") from fault


def _floats(contents: Any, section: str, name: str, *, shape: tuple[int, ...]) -> np.ndarray:
    found = _get(contents, section, name)
    if not (isinstance(found, np.ndarray) and found.dtype.kind == "f"):
        raise ValueError(f"{section}.{name} must be an array of numbers, not {type(found).__name__}")
    if found.size != np.prod(shape):
        raise ValueError(f"{section}.{name} has shape {found.shape}, not {shape}")
    return finite(found.astype(np.float64).reshape(shape), f"{section}.{name}")
