"""Conversion factors, each with its source.

Inside nablaviz lengths are in Å, energies in Eh and forces in Eh/Å. Multiply by
``X2Y`` to turn a value in X into a value in Y.
"""

BOHR2ANGSTROM = 0.529177210903
"""Bohr radius in Å (CODATA 2018)."""

ANGSTROM2BOHR = 1.0 / BOHR2ANGSTROM

HARTREE2EV = 27.211386245988
"""Hartree energy in eV (CODATA 2018)."""

HARTREE2KCAL = 627.5094740631
"""Hartree energy in kcal/mol (CODATA 2018 Eh and N_A; 1 cal = 4.184 J)."""

AU2DEBYE = 2.541746473
"""Atomic unit of the electric dipole moment, e·a0, in debye (CODATA 2018)."""
