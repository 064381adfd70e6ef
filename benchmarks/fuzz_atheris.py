"""One reader under atheris, which changes input so that more of our code is reached.

    pip install -e ".[fuzz]"
    python benchmarks/fuzz_atheris.py "energy database" --runs 100000

The targets are those of benchmarks/fuzz.py, from the same files. A fault ends the run and leaves the input in
a file named crash-…; atheris itself ends it at 5 s a case and 2 GB of memory.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["nablaviz"]):
    import nablaviz.data.formats
    import nablaviz.data.unpickle
    import nablaviz.models.library  # noqa: F401

from fuzzing import targets, worker
from fuzzing.seeds import content, prepared
from fuzzing.target import place


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", help="a part of its name")
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument(
        "--seeds", type=Path, metavar="DIR", help="keep undamaged files here, to begin sooner"
    )
    args = parser.parse_args()
    target = targets.named(args.target)[0]
    with tempfile.TemporaryDirectory(prefix="fuzz-atheris-") as name:
        folder = prepared(args.seeds or Path(name) / "seeds")
        corpus = Path(name) / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(target.seeds):
            data = seed.encode() if target.text else content(folder, seed)
            (corpus / str(number)).write_bytes(data)
        path = None if target.text else place(target, worker.copied(folder, Path(name) / "own"))

        def one(data: bytes) -> None:
            found = worker.read(target, data if path else data.decode(errors="replace"), path, None)
            if found.fault:
                raise RuntimeError(str(found))

        limits = ["-timeout=5", "-rss_limit_mb=2048", "-max_len=300000", f"-runs={args.runs}"]
        atheris.Setup([sys.argv[0], *limits, str(corpus)], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
