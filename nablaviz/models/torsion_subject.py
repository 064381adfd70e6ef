"""The molecule whose bond is turned: checked, and what to do instead where it cannot be taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nablaviz.chem.conformers import embed, parse
from nablaviz.molecule import Conformer, Molecule, check_closed_shell


def subject(molecule: Molecule | Conformer | str, model: Any) -> Molecule:
    """The molecule, if a model can predict it.

    Parameters
    ----------
    molecule
        A geometry, a conformer or a SMILES string, of which one conformer is made.
    model
        Anything with ``predict``; the elements of its ``card``, where it has one, are checked.

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If it is charged, has unpaired electrons, or an element that the model does not know; the message
        says what to do instead.
    """
    found = molecule.molecule if isinstance(molecule, Conformer) else molecule
    if isinstance(found, str):
        with _advised(found):
            found = embed(found)[0]
    elif not isinstance(found, Molecule):
        raise TypeError(f"a molecule, a conformer or a SMILES string is needed, not a {type(found).__name__}")
    elif found.smiles and (charge := _charge(found.smiles)):
        raise ValueError(
            f"{found.smiles!r} has charge {charge:+d}: only neutral molecules are supported"
            f"{_instead(found.smiles)}"
        )
    try:
        check_closed_shell(found.numbers)
    except ValueError as fault:
        raise ValueError(
            f"{found!r}: {fault}; add or remove a hydrogen atom to pair the last electron"
        ) from None
    card = getattr(model, "card", None)
    if card is not None:
        try:
            card.check_elements(found.numbers)
        except ValueError as fault:
            raise ValueError(
                f"{fault}; take a molecule of these elements, or a model that was trained on more: "
                "nablaviz.torsion(molecule, model)"
            ) from None
    return found


@contextmanager
def _advised(smiles: str) -> Iterator[None]:
    """Add to an error of a SMILES string what could be taken instead."""
    try:
        yield
    except ValueError as fault:
        raise ValueError(f"{fault}{_instead(smiles)}") from None


def _charge(smiles: str) -> int:
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        parsed = Chem.MolFromSmiles(smiles)
    return 0 if parsed is None else Chem.GetFormalCharge(parsed)


def _instead(smiles: str) -> str:
    """The neutral closed-shell molecule of the same skeleton, in words; empty where there is none."""
    from rdkit import Chem, rdBase
    from rdkit.Chem.MolStandardize.rdMolStandardize import Uncharger

    with rdBase.BlockLogs():
        parsed = Chem.MolFromSmiles(smiles)
        if parsed is None:
            return ""
        neutral = Uncharger().uncharge(parsed)
        for atom in neutral.GetAtoms():
            if atom.GetNumRadicalElectrons():
                atom.SetNoImplicit(False)
                atom.SetNumRadicalElectrons(0)
        made = Chem.MolToSmiles(neutral)
    try:
        parse(made)
    except ValueError:
        return ""
    return f"; take {made!r} instead"
