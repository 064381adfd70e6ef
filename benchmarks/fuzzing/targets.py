"""Everything that reads what a stranger wrote: files, and text typed into an entry."""

from __future__ import annotations

from collections.abc import Sequence

from fuzzing import data_files, forgery, model_files, seeds, study_files, summary_files, texts
from fuzzing.target import Target

SHARD, STUDY, RUN = "store/shard-*.parquet", "study", "study/runs/*"
DB = forgery.forged_database
TARGETS = (
    Target("energy database", data_files.dataset, ("energy.db",), forge=DB),
    Target("Hamiltonian database", data_files.dataset, ("hamiltonian-v2.db", "hamiltonian-v1.db"), forge=DB),
    Target("wavefunction file", data_files.dataset, ("wavefunction.npy",), forge=forgery.forged_pickle),
    Target("pickle", data_files.pickled, ("wavefunction.npy",), forge=forgery.forged_pickle, named=False),
    Target("native store", data_files.dataset, (SHARD,), forge=forgery.forged_parquet, sealed=True),
    Target("published summary", summary_files.summary, ("summary.csv",), forge=forgery.forged_table),
    Target(
        "compressed summary",
        summary_files.summary,
        ("summary.csv.gz",),
        forge=forgery.forged_table,
        sealed=True,
    ),
    Target("catalogue", summary_files.catalogue, ("catalogue/catalogue.json",), forge=forgery.forged_json),
    Target(
        "shard of a catalogue",
        summary_files.catalogue,
        ("catalogue/conformers-00001.parquet",),
        forge=forgery.forged_parquet,
    ),
    Target("cube file", data_files.cube, ("orbital.cube",)),
    Target("xyz file", data_files.label_input, ("plain.xyz", "extended.xyz")),
    Target("SDF file", data_files.label_input, ("molecules.sdf",)),
    Target("list of SMILES", data_files.label_input, ("list.smi",)),
    Target("recipe", data_files.label_input, ("recipe.toml",)),
    Target(
        "model file",
        model_files.model,
        ("schnet/model.safetensors", "composition/model.safetensors"),
        forge=forgery.forged_tensors,
        sealed=True,
    ),
    Target(
        "checkpoint",
        model_files.checkpoint,
        ("schnet/checkpoint.safetensors", "composition/checkpoint.safetensors"),
        forge=forgery.forged_tensors,
        sealed=True,
    ),
    Target(
        "training run",
        model_files.run_folder,
        ("schnet/checkpoint.safetensors",),
        forge=forgery.forged_tensors,
        sealed=True,
        share=0.3,
    ),
    Target("history", model_files.history, ("schnet/history.jsonl",), forge=forgery.forged_json),
    Target("study.json", study_files.study, (f"{STUDY}/study.json",), forge=forgery.forged_json),
    Target("owner.json", study_files.study, (f"{STUDY}/owner.json",), forge=forgery.forged_json, share=0.5),
    Target("state.json", study_files.study, (f"{RUN}/state.json",), forge=forgery.forged_json),
    Target(
        "study history", study_files.study, (f"{RUN}/history.jsonl",), forge=forgery.forged_json, share=0.5
    ),
    Target("summary.parquet", study_files.study, (f"{RUN}/summary.parquet",), forge=forgery.forged_parquet),
    Target(
        "errors.parquet",
        study_files.study,
        (f"{RUN}/errors.parquet",),
        forge=forgery.forged_parquet,
        share=0.5,
    ),
    Target("packed study", study_files.packed, (f"{RUN}/history.jsonl",), forge=forgery.forged_json),
    Target(
        "packed study, state",
        study_files.packed,
        (f"{RUN}/state.json",),
        forge=forgery.forged_json,
        share=0.5,
        named=False,
    ),
    Target(
        "packed study, results",
        study_files.packed,
        (f"{RUN}/summary.parquet",),
        forge=forgery.forged_parquet,
        share=0.5,
    ),
    Target("specification", study_files.specification, ("specification.toml",)),
    Target("registry", data_files.registry, ("registry.json",), forge=forgery.forged_json),
    Target("table of errors", data_files.error_table, ("errors.csv",)),
    Target(
        "SQL condition",
        texts.sql,
        (
            "n_atoms < 12 AND gap > 0.3",
            "smiles LIKE '%N%' OR split IN ('train', 'test_scaffolds')",
            "energy BETWEEN -200 AND -100",
            "lower(formula) = 'c2h6o' -- x",
            "abs(dipole) > (SELECT avg(gap) FROM conformers)",
            "regexp_matches(smiles, '^C+$')",
            "CASE WHEN gap IS NULL THEN true ELSE false END",
            "repeat(smiles, 3) = 'CC' AND list_contains([1, 2], n_atoms)",
            "moses_id % 2 = 0",
        ),
        text=True,
        share=2,
    ),
    Target(
        "SMARTS",
        texts.smarts,
        (
            "c1ccncc1",
            "[NX3;H2]C(=O)",
            "[#6]~[#7]",
            "[$([CX3]=[OX1]),$([CX3+]-[OX1-])]",
            "[!H0;R2]@[R]",
            "C(F)(F)F",
        ),
        text=True,
    ),
    Target(
        "scaffold", texts.scaffold, ("c1ccccc1", "", "O=C1CCCN1", "c1ccc2[nH]ccc2c1"), text=True, share=0.5
    ),
    Target("SMILES", texts.smiles, seeds.SMILES, text=True),
    Target("orbital label", texts.orbital, ("HOMO", "LUMO+3", "HOMO−2", "homo-1", " LUMO "), text=True),
    Target(
        "--set option",
        texts.option,
        (
            "channels=16",
            "learning_rate=1e-3",
            "unit=steps",
            "patience=none",
            "layers=2",
            "xlearning_rate=1",
            "devices=1",
            "precision=float32",
            "cutoff=5.0",
        ),
        text=True,
    ),
)


def named(pattern: str) -> Sequence[Target]:
    """The targets whose names contain a text.

    Raises
    ------
    ValueError
        If there is none.
    """
    found = [target for target in TARGETS if pattern.lower() in target.name.lower()]
    if not found:
        raise ValueError(f"no target {pattern!r}; there are {', '.join(t.name for t in TARGETS)}")
    return found
