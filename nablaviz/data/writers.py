"""Writing the published formats: under a temporary name, renamed when complete."""

from __future__ import annotations

import os
import sqlite3
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from nablaviz.chem import basis
from nablaviz.chem.atoms import ATOM_ENERGIES, formation_energy
from nablaviz.data.validate import shown
from nablaviz.molecule import Conformer
from nablaviz.units import ANGSTROM2BOHR, BOHR2ANGSTROM


class Writer(ABC):
    """Writes conformers to one new file; a context manager that leaves the file only if all went well.

    Parameters
    ----------
    path
        The file to make.

    Raises
    ------
    FileExistsError
        If there is something at ``path`` already.
    OSError
        If another process is writing it, or it cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        from filelock import FileLock

        self.path = Path(path)
        self._partial = self.path.with_name(f".{self.path.name}.partial")
        self._lock = FileLock(self.path.with_name(f".{self.path.name}.lock"))

    def __enter__(self) -> Writer:
        from filelock import Timeout

        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise OSError(f"{shown(self.path)}: another process is writing it") from None
        try:
            self._remove_partial()  # what a killed run has left
            if self.path.exists():
                raise FileExistsError(f"{shown(self.path)} exists already: remove it, or choose another name")
            self._begin()
        except sqlite3.Error as fault:
            self._release()
            raise OSError(f"{shown(self.path)}: {fault}") from fault
        except BaseException:
            self._release()
            raise
        return self

    def add(self, conformer: Conformer) -> None:
        """Write one more conformer, which has all that the format requires.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        try:
            self._add(conformer)
        except sqlite3.Error as fault:
            raise OSError(f"{shown(self.path)}: {fault}") from fault

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._end(error)
            if error is None:
                with open(self._partial, "rb") as file:
                    os.fsync(file.fileno())
                os.replace(self._partial, self.path)
        except sqlite3.Error as fault:
            raise OSError(f"{shown(self.path)}: {fault}") from fault
        finally:
            self._remove_partial()
            self._release()

    def _remove_partial(self) -> None:
        for suffix in ("", "-journal"):
            self._partial.with_name(self._partial.name + suffix).unlink(missing_ok=True)

    def _release(self) -> None:
        self._lock.release()
        with suppress(OSError):
            Path(self._lock.lock_file).unlink()

    @abstractmethod
    def _begin(self) -> None: ...

    @abstractmethod
    def _add(self, conformer: Conformer) -> None: ...

    @abstractmethod
    def _end(self, error: BaseException | None) -> None: ...


class EnergyWriter(Writer):
    """Writes a published energy database: an ASE database with formation energies and forces.

    The metadata give the energies of the free atoms where every conformer has a total energy.
    """

    def _begin(self) -> None:
        from ase.db import connect

        self._database = connect(self._partial, type="db", use_lock_file=False)
        self._totals = True
        self._database.__enter__()

    def _add(self, conformer: Conformer) -> None:
        from ase import Atoms
        from ase.db.core import now
        from ase.db.row import AtomsRow

        c, formation = conformer, conformer.formation_energy
        if c.energy is None:
            self._totals = False
        elif formation is None or abs(formation_energy(c.energy, c.molecule.numbers) - formation) > 1e-9:
            # Relative to other energies of the free atoms than those that the metadata will give.
            formation = formation_energy(c.energy, c.molecule.numbers)
        row = AtomsRow(Atoms(c.molecule.numbers, c.molecule.positions))
        # ASE would put in the name of the user.
        row.ctime, row.user = now(), None  # type: ignore[attr-defined]
        ids = {"moses_id": c.moses_id, "conformation_id": c.conformation_id, "smiles": c.molecule.smiles}
        self._database.write(
            row,
            key_value_pairs={name: value for name, value in ids.items() if value is not None},
            data={
                "energy": np.array([formation], dtype=np.float64),
                "forces": np.asarray(c.forces, dtype=np.float64),
            },
        )

    def _end(self, error: BaseException | None) -> None:
        self._database.__exit__(type(error) if error else None, error, None)
        if error is None:
            metadata: dict[str, Any] = {
                "_distance_unit": "Ang",
                "_property_unit_dict": {"energy": "Hartree", "forces": "Hartree/Ang"},
            }
            if self._totals:
                metadata["atomrefs"] = {
                    "energy": [ATOM_ENERGIES.get(z, 0.0) for z in range(max(ATOM_ENERGIES) + 1)]
                }
            self._database.metadata = metadata


class HamiltonianWriter(Writer):
    """Writes a published Hamiltonian database, in Psi4's order of orbitals, bohr and float32.

    The overlap and core Hamiltonian are computed from the geometry. Version 1 holds no ids, and zeros
    where forces and core Hamiltonian would be.

    Parameters
    ----------
    path
        The file to make.
    version
        1 or 2.
    """

    def __init__(self, path: str | Path, version: int) -> None:
        super().__init__(path)
        self.version = version

    def _begin(self) -> None:
        self._connection = sqlite3.connect(self._partial, isolation_level=None)
        # A crash costs the temporary file alone, so that no journal is needed.
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
            self._connection.execute(f"PRAGMA {pragma}")
        key = "id INTEGER NOT NULL PRIMARY KEY"
        tables = {
            "data": f"{key}, Z BLOB, R BLOB, E FLOAT, F BLOB, H BLOB, S BLOB, C BLOB",
            "nuclear_charges": f"{key}, N INTEGER, Z BLOB",
            "basisset": "Z INTEGER NOT NULL PRIMARY KEY, orbitals BLOB",
            "metadata": "id INTEGER PRIMARY KEY, N INTEGER",
        }
        if self.version == 2:
            tables["dataset_ids"] = f"{key}, MOSES_ID INT, CONFORMER_ID INT"
        self._connection.execute("BEGIN")
        for name, columns in tables.items():
            self._connection.execute(f"CREATE TABLE {name} ({columns})")
        self._rows, self._elements = 0, set[int]()

    def _add(self, conformer: Conformer) -> None:
        c, numbers = conformer, conformer.molecule.numbers

        def matrix(values: np.ndarray) -> bytes:
            return basis.from_pyscf(values, numbers, "psi4").astype("<f4").tobytes()

        if c.hamiltonian is None:
            raise ValueError("no hamiltonian")
        core, forces = c.core_hamiltonian, c.forces
        if self.version == 1:
            core, forces = np.zeros_like(core), None
        if forces is None:
            forces = np.zeros((len(numbers), 3))
        record = (
            self._rows,
            numbers.astype("<i4").tobytes(),
            (c.molecule.positions * ANGSTROM2BOHR).astype("<f4").tobytes(),
            c.energy,
            (forces * BOHR2ANGSTROM).astype("<f4").tobytes(),
            matrix(c.hamiltonian),
            matrix(c.overlap),
            matrix(core),
        )
        self._connection.execute("INSERT INTO data VALUES (?, ?, ?, ?, ?, ?, ?, ?)", record)
        if self.version == 2:
            ids = (self._rows, c.moses_id, c.conformation_id)
            self._connection.execute("INSERT INTO dataset_ids VALUES (?, ?, ?)", ids)
        self._rows += 1
        self._elements.update(numbers.tolist())

    def _end(self, error: BaseException | None) -> None:
        if error is None:
            elements = np.array(sorted(self._elements), dtype="<i4")
            charges = (0, len(elements), elements.tobytes())
            self._connection.execute("INSERT INTO nuclear_charges VALUES (?, ?, ?)", charges)
            for z in elements.tolist():
                shells = np.array(["spd".index(s) for s in basis.SHELLS[z]], dtype="<i4")
                self._connection.execute("INSERT INTO basisset VALUES (?, ?)", (z, shells.tobytes()))
            self._connection.execute("INSERT INTO metadata VALUES (0, ?)", (self._rows,))
            self._connection.execute("COMMIT")
        self._connection.close()
