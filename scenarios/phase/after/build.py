"""Builds the index of the help pages: which page says which word, and which page is most like it."""

import pathlib
import re

PAGES = [f"Page {n}: how to match record {n % 37} of ledger {n % 11} by rule {n % 8}, step {n % 5}" for n in range(300)]


def words(text):
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def main():
    known = {page: words(page) for page in PAGES}
    lines = []
    for page, mine in known.items():
        lines += [f"{word}\t{page}" for word in sorted(mine)]
        others = ((len(mine & theirs) / len(mine | theirs), other) for other, theirs in known.items() if other != page)
        lines.append(f"like\t{page}\t{max(others, key=lambda each: each[0])[1]}")
    folder = pathlib.Path("build")
    folder.mkdir(exist_ok=True)
    (folder / "index.txt").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
