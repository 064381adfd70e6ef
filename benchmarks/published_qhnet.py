"""nablaDFT's QHNet, loaded from a checkout for comparison; none of its code is part of this project.

    git clone https://github.com/AIRI-Institute/nablaDFT
    python benchmarks/hamiltonian_models.py --qhnet nablaDFT

Two of its files are run as they are, ``nablaDFT/qhnet/qhnet.py`` and ``layers.py``, with e3nn
(``pip install 'nablaviz[qhnet]'``). Their other imports are replaced where they are not installed: by
``torch.nn.Module`` for pytorch_lightning's, by a sum with ``index_add`` for torch_scatter's, by all pairs
within the radius for torch_cluster's, and by a plain record for torch_geometric's, which is an annotation.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nablaviz.chem import baselines, basis
from nablaviz.molecule import Conformer
from nablaviz.units import ANGSTROM2BOHR

SIZES = {
    "sh_lmax": 4,
    "hidden_size": 128,
    "bottle_hidden_size": 32,
    "num_gnn_layers": 5,
    "max_radius": 12,
    "num_nodes": 83,
    "radius_embed_dim": 32,
}
"""Those of its config/model/qhnet.yaml."""


def scatter(source: torch.Tensor, index: torch.Tensor, dim: int = 0, dim_size: int = 0) -> torch.Tensor:
    """The sum of rows, as torch_scatter's by default."""
    return source.new_zeros(dim_size, *source.shape[1:]).index_add(dim, index, source)


def radius_graph(
    positions: torch.Tensor, radius: float, batch: torch.Tensor, max_num_neighbors: int = 32
) -> torch.Tensor:
    """All pairs of one molecule within the radius, shape (2, E), sorted by the second atom."""
    near = (torch.cdist(positions, positions) <= radius) & (batch[:, None] == batch)
    near.fill_diagonal_(False)
    return near.nonzero().T.flip(0)


SHIMS: dict[str, dict[str, Any]] = {
    "pytorch_lightning": {"LightningModule": torch.nn.Module},
    "torch_scatter": {"scatter": scatter},
    "torch_cluster": {"radius_graph": radius_graph},
    "torch_geometric": {},
    "torch_geometric.data": {"Data": types.SimpleNamespace},
}


@cache  # what was replaced is not missing the second time
def load(checkout: Path) -> tuple[Any, list[str]]:
    """The module with the class QHNet, and the names of the modules that were replaced."""
    folder = checkout / "nablaDFT" / "qhnet"
    if not (folder / "qhnet.py").is_file():
        raise SystemExit(
            f"--qhnet {checkout}: there is no nablaDFT/qhnet/qhnet.py; give a checkout of nablaDFT"
        )
    if importlib.util.find_spec("e3nn") is None:
        raise SystemExit("the published QHNet needs e3nn: pip install 'nablaviz[qhnet]'")
    replaced = [name for name in SHIMS if importlib.util.find_spec(name.partition(".")[0]) is None]
    for name in replaced:
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(SHIMS[name])
    package = types.ModuleType("published_qhnet_code")
    package.__path__ = [str(folder)]  # its __init__ asks for more than the model
    sys.modules[package.__name__] = package
    return importlib.import_module(f"{package.__name__}.qhnet"), replaced


class Published:
    """The published network, with the target of a ``Delta`` model: H less a baseline, in atomic orbitals."""

    def __init__(self, checkout: Path, baseline: str, device: str) -> None:
        module, self.replaced = load(checkout)
        orbitals = {z: ["spd".index(s) for s in shells] for z, shells in basis.SHELLS.items()}
        self.module = module.QHNet(orbitals=orbitals, **SIZES).to(device)
        self.module.set()
        self.baseline, self.device = baseline, device
        # Its configuration.
        self.optimizer = torch.optim.AdamW(self.module.parameters(), 5e-4, (0.9, 0.95), amsgrad=True)

    def prepare(self, conformer: Conformer) -> tuple[Conformer, np.ndarray, torch.Tensor]:
        molecule = conformer.molecule
        start = baselines.baseline(self.baseline, molecule)
        left = basis.from_pyscf(conformer.hamiltonian - start, molecule.numbers, "m-ordered")
        return conformer, start, torch.as_tensor(left, dtype=torch.float32)

    def collate(self, samples: Sequence[Any]) -> Any:
        molecules = [conformer.molecule for conformer, _, _ in samples]
        counts = torch.tensor([len(m) for m in molecules])
        batch = types.SimpleNamespace(
            z=torch.as_tensor(np.concatenate([m.numbers for m in molecules])),
            pos=torch.cat(
                [torch.tensor(m.positions * ANGSTROM2BOHR, dtype=torch.float32) for m in molecules]
            ),
            batch=torch.repeat_interleave(torch.arange(len(counts)), counts),
            ptr=torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)]),
            num_nodes=int(counts.sum()),
            target=torch.block_diag(*(left for _, _, left in samples)),
            mask=torch.block_diag(*(torch.ones_like(left) for _, _, left in samples)),
        )
        for name, value in vars(batch).items():
            if isinstance(value, torch.Tensor):
                setattr(batch, name, value.to(self.device))
        batch.samples = samples
        return batch

    def forward(self, batch: Any) -> torch.Tensor:
        return self.module(batch)

    def loss(self, batch: Any) -> torch.Tensor:
        """Root mean square and mean absolute error of the blocks, as in its loss.py."""
        difference, count = (self.forward(batch) - batch.target) * batch.mask, batch.mask.sum()
        return (difference.square().sum() / count).sqrt() + difference.abs().sum() / count

    def hamiltonians(self, batch: Any) -> list[np.ndarray]:
        whole = self.forward(batch).double().cpu().numpy()
        found, place = [], 0
        for conformer, start, left in batch.samples:
            part = slice(place, place + len(left))
            place += len(left)
            found.append(start + basis.to_pyscf(whole[part, part], conformer.molecule.numbers, "m-ordered"))
        return found
