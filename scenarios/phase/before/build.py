"""Builds the index of the help pages: which page says which word, and which page is most like it."""

import pathlib
import re

PAGES = [f"Page {n}: how to match record {n % 37} of ledger {n % 11} by rule {n % 8}, step {n % 5}" for n in range(300)]


def words(text):
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def most_alike(page):
    best, found = -1.0, None
    for other in PAGES:
        if other != page:
            mine, theirs = words(page), words(other)
            score = len(mine & theirs) / len(mine | theirs)
            if score > best:
                best, found = score, other
    return found


def main():
    lines = []
    for page in PAGES:
        for word in sorted(words(page)):
            lines.append(f"{word}\t{page}")
        lines.append(f"like\t{page}\t{most_alike(page)}")
    folder = pathlib.Path("build")
    folder.mkdir(exist_ok=True)
    (folder / "index.txt").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
