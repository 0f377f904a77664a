"""Looking at a process under Valgrind: how its commands are sent to it."""

from __future__ import annotations

import os
import sys

from perfproof.instructions.callgrind import Callgrind


def test_a_process_that_only_waits_is_woken_at_once(tmp_path):
    """Valgrind's own patience is 100 ms: at every look, since whoever is looked at has answered and waits."""
    vgdb = tmp_path / "vgdb"
    told = tmp_path / "told"
    vgdb.write_text(f"#!{sys.executable} -IS\nimport sys\nopen({str(told)!r}, 'a').write(repr(sys.argv))\n")
    vgdb.chmod(0o755)
    counter = Callgrind(tmp_path / "counts", ("valgrind", str(vgdb)))
    (counter.directory / f"vgdb-to-vgdb-from-{os.getpid()}-by-me").touch()
    counter.begin(lambda: [os.getpid()])
    assert told.read_text().count("'--max-invoke-ms=10'") == 2  # switched on, and looked at
    assert "'instrumentation', 'on'" in told.read_text()
    assert "'dump'" in told.read_text()
