from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from perfproof.machine.environment import ALIKE, alike_hash, cpu_model, fingerprint, memory_total


def test_two_fingerprints_of_one_machine_are_alike():
    one, two = fingerprint({"perfproof": "1.0"}), fingerprint({"perfproof": "2.0"})
    assert one.hash == two.hash
    assert one.facts["perfproof"] == "1.0"
    assert all(one.facts[name] for name in ALIKE if name != "placement")


def test_another_placement_is_another_measurement():
    assert fingerprint({"placement": "one core only"}).hash != fingerprint({"placement": "two cores"}).hash


@given(st.sampled_from(ALIKE), st.text(min_size=1))
def test_any_fact_that_must_be_alike_changes_the_hash(name, value):
    facts = {**dict.fromkeys(ALIKE, "x"), "python": "any"}
    assert (alike_hash({**facts, name: value}) == alike_hash(facts)) == (value == "x")
    assert alike_hash({**facts, "python": value}) == alike_hash(facts)


def test_cpu_and_memory_are_read_as_people_write_them():
    assert cpu_model("processor: 0\nmodel name\t: AMD  EPYC 7B13\n") == "AMD EPYC 7B13"
    assert cpu_model("") != ""
    assert memory_total("MemTotal:       16281812 kB\nMemFree: 1 kB") == "15.5 GiB"
    assert memory_total("") == "unknown"
