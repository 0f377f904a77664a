"""Tables are written and read with little more than what they take."""

from __future__ import annotations

import subprocess
import sys

WRITES_AND_READS = """
import sys
from pathlib import Path
import numpy as np
from perfproof.evidence.tables import read_table, write_table

kinds = {"a": "int8", "b": "int64"}
columns = {"a": np.arange(6)[::2], "b": np.array([1, -2, 2**62])}
write_table(Path("t.parquet"), columns, kinds)
read = read_table(Path("t.parquet"), kinds)
assert {name: column.tolist() for name, column in read.items()} == {n: c.tolist() for n, c in columns.items()}
assert {name: str(column.dtype) for name, column in read.items()} == kinds
print("pandas" in sys.modules)
"""


def test_what_is_written_can_be_read_and_pandas_is_not_imported_for_it(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WRITES_AND_READS], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr
