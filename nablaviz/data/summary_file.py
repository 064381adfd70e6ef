"""The published summary of all conformers, ``summary.csv.gz``, as a dataset without geometries."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from nablaviz.data.dataset import COLUMNS, DataError, Dataset
from nablaviz.data.summary import EXTRA, FIELDS
from nablaviz.data.summary_lines import blocks, read_header
from nablaviz.data.summary_molecules import Molecules
from nablaviz.data.validate import shown

if TYPE_CHECKING:
    import pandas as pd


class Summary(Dataset):
    """What the summary is in any form: identifiers, energies and SMILES, and no geometries."""

    geometries = False

    @property
    def columns(self) -> dict[str, str]:
        return {**COLUMNS, "n_atoms": "Int64", **EXTRA}  # RDKit may not be able to read a SMILES

    def _read(self, row: int) -> NoReturn:
        raise DataError(
            f"{shown(self.path)}, row {row}: the summary holds no geometries; its energies and SMILES are in"
            " .table and nablaviz.browse"
        )


class SummaryFile(Summary):
    """The file as it is published. Each use reads all of it: ``nablaviz convert`` makes a catalogue.

    Parameters
    ----------
    path
        The file, compressed or not.

    Raises
    ------
    DataError
        If its first line is not the header of a summary.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.header = read_header(self.path)

    @cached_property
    def _length(self) -> int:
        return sum(len(block.table) for block in blocks(self.path))

    def __len__(self) -> int:
        return self._length

    def _read_table(self) -> pd.DataFrame:
        import pyarrow as pa

        parts = []
        for block in blocks(self.path):
            if block.faults:
                fault = block.faults[0]
                raise DataError(f"{shown(self.path)}, line {fault.line}: {fault.what}")
            parts.append(block.table)
        if not parts:
            return pa.table({f.name: [] for f in FIELDS.values()}).to_pandas()
        table = pa.concat_tables(parts)
        with Molecules(workers=0) as molecules:
            for name, column in molecules(table["smiles"]).items():
                table = table.append_column(name, column)
        return table.to_pandas()

    def __repr__(self) -> str:
        size = self.path.stat().st_size
        return (
            f"<SummaryFile {self.path.name}: nablaDFT's summary of conformers, {size / 1e6:,.1f} MB,"
            f" {len(self.header.names)} columns, no geometries; nablaviz convert makes a catalogue of it>"
        )
