"""Feeds the program's doors with what a fuzzer that watches the running code thinks of (Atheris, by libFuzzer).

    python -m benchmarks.fuzz DOOR [--seconds 300] [--corpus FOLDER]

Prints how many inputs were tried. An input that gets another error out of a door than our own ends the run with exit
code 1 and is kept in the folder. Doors: see ``tests/faults/fuzz/entrances.py``.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["collector", "reports", "json", "csv", "email"]):
    from tests.faults.fuzz.entrances import DOORS, EXAMPLES, tried


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("door", choices=list(DOORS))
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--corpus", type=Path, default=None)
    asked = parser.parse_args()
    corpus = asked.corpus or Path(tempfile.mkdtemp(prefix=f"fuzz-{asked.door}-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(EXAMPLES[asked.door]):
        (corpus / f"example-{number}").write_bytes(data)
    words = [f"-max_total_time={asked.seconds}", "-max_len=65536", "-timeout=10", "-rss_limit_mb=2048"]
    words += ["-print_final_stats=1", "-verbosity=0", f"-artifact_prefix={corpus}{os.sep}found-"]
    atheris.Setup([sys.argv[0], *words, str(corpus)], lambda data: tried(asked.door, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
