"""Which other record of a page looks most alike: Jaccard similarity of the words of two descriptions.

Similarity is |A and B| / |A or B| of the two word sets (Jaccard 1901). Both ways below divide the same two integers,
so their numbers are identical, not merely close.
"""

from __future__ import annotations

from collections.abc import Sequence

Nearest = tuple[int, float] | None
"""Position of the most similar other text and its similarity; None where nothing is shared. The first one wins ties."""


def nearest_naive(texts: Sequence[str]) -> list[Nearest]:
    """Return the nearest other text for each text, slowly: every pair is taken apart anew, twice, word by word."""
    found: list[Nearest] = []
    for i, text in enumerate(texts):
        best: Nearest = None
        for j, other in enumerate(texts):
            if i == j:
                continue
            words: list[str] = []
            for word in text.lower().split():
                if word not in words:
                    words.append(word)
            others: list[str] = []
            for word in other.lower().split():
                if word not in others:
                    others.append(word)
            common = 0
            for word in words:
                for candidate in others:
                    if word == candidate:
                        common += 1
            if common and (best is None or common / (len(words) + len(others) - common) > best[1]):
                best = j, common / (len(words) + len(others) - common)
        found.append(best)
    return found


def nearest_fast(texts: Sequence[str]) -> list[Nearest]:
    """Return the same with each text read once, as a bit mask over the words of the page, and each pair looked at once.

    An inverted index would win on long pages; on pages of up to about 100 records counting bits is quicker.
    """
    bits: dict[str, int] = {}
    masks = []
    for text in texts:
        mask = 0
        for word in text.lower().split():
            mask |= 1 << bits.setdefault(word, len(bits))
        masks.append(mask)
    best = [0.0] * len(masks)
    place = [-1] * len(masks)
    for i, mask in enumerate(masks):
        for j in range(i):
            common = mask & masks[j]
            if common:
                similarity = common.bit_count() / (mask | masks[j]).bit_count()
                # j grows for a fixed i, and i grows for a fixed j: ">" keeps the first of equals on both sides.
                if similarity > best[i]:
                    best[i], place[i] = similarity, j
                if similarity > best[j]:
                    best[j], place[j] = similarity, i
    return [(at, value) if at >= 0 else None for at, value in zip(place, best, strict=True)]
