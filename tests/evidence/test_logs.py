"""Kept logs hold no secret and are never large."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from perfproof.evidence.directory import HEAD_BYTES, MARGIN, TAIL_BYTES, masked_extract

SECRET = "s3cr3t-" + "k" * 50 + "\nwith a second line"


def mask(text: str) -> str:
    return text.replace(SECRET, "***")


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_short_log_is_kept_whole_but_for_its_secrets(tmp_path: Path) -> None:
    log = write(tmp_path / "log", f"started\ntoken {SECRET}\nstopped\n")
    assert masked_extract(log, mask) == "started\ntoken ***\nstopped\n"


def test_of_a_long_log_the_beginning_and_the_end_stay_and_a_note_between(tmp_path: Path) -> None:
    log = write(tmp_path / "log", "first line\n" + "x" * 10_000_000 + "\nlast line\n")
    kept = masked_extract(log, mask)
    assert kept.startswith("first line\n")
    assert kept.endswith("\nlast line\n")
    assert f"left out about {10_000_022 - HEAD_BYTES - TAIL_BYTES:,} of 10,000,022 bytes" in kept
    assert len(kept) < HEAD_BYTES + TAIL_BYTES + 200


@settings(max_examples=40)
@given(offset=st.integers(-200, 200), at_head=st.booleans())
def test_no_cut_splits_a_secret(tmp_path_factory, offset: int, at_head: bool) -> None:
    size = HEAD_BYTES + TAIL_BYTES + 10 * MARGIN
    for cut in (HEAD_BYTES, HEAD_BYTES + MARGIN) if at_head else (size - TAIL_BYTES, size - TAIL_BYTES - MARGIN):
        start = cut + offset
        text = "." * start + SECRET + "." * (size - start - len(SECRET))
        log = write(tmp_path_factory.getbasetemp() / "cut", text)
        kept = masked_extract(log, mask)
        assert "s3cr3t" not in kept
        assert "kk" not in kept
        assert "second line" not in kept


def test_bytes_that_are_no_text_are_kept_as_replacement_characters(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"\xff\xfe ok \x00\n")
    assert masked_extract(tmp_path / "log", mask) == "�� ok \x00\n"
