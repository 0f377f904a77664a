"""Make matplotlib's SVG fit to stand in a page: small, with its own ids, in the page's fonts and colours.

matplotlib numbers ids alike in every figure (so a second chart on a page would use the first one's clip paths), wraps
each artist in a group, writes six decimals and fixes fonts and colours. Pure text in, pure text out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree as ET

_NAMESPACE = re.compile(r"\{[^}]*\}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_STEP = re.compile(r"[A-Za-z][^A-Za-z]*")
_HEX = re.compile(r"#[0-9a-f]{6}")
_DEFAULTS = {
    ("stroke-dashoffset", "0"),
    ("stroke-linejoin", "miter"),
    ("stroke-linecap", "square"),
    ("text-anchor", "start"),
    ("stroke-width", "1"),
}


def inline(raw: str, *, prefix: str, title: str, description: str, colours: Mapping[str, str]) -> str:
    """Return ``raw`` as an ``svg`` element for HTML, named for screen readers.

    ``prefix`` starts every id and must be unique in the page. ``colours`` maps the sentinel colours of the drawing
    (``#rrggbb``) to what the page uses, e.g. ``var(--ink)``, so that one drawing serves light and dark.
    """
    root = ET.fromstring(raw)  # noqa: S314 - matplotlib's own output, no entities of others
    for element in root.iter():
        element.tag = _NAMESPACE.sub("", element.tag)
        element.attrib = {_NAMESPACE.sub("", name): text for name, text in element.attrib.items()}
        element.tail = None
        if element.tag != "text":
            element.text = None
    for child in list(root):
        if child.tag == "metadata" or child.find("style") is not None:
            root.remove(child)
    names = _rename(root, prefix)
    for element in root.iter():
        _tidy(element, names, colours)
    _flatten(root)
    _describe(root, prefix, title, description)
    return ET.tostring(root, encoding="unicode")


def _rename(root: ET.Element, prefix: str) -> dict[str, str]:
    """Return new names for the ids that something refers to, in the order of reference."""
    names: dict[str, str] = {}
    for element in root.iter():
        found = _REFERENCE.findall(" ".join(element.attrib.values()))
        if element.get("href", "").startswith("#"):
            found.append(element.attrib["href"][1:])
        for name in found:
            names.setdefault(name, f"{prefix}-{len(names)}")
    return names


def _tidy(element: ET.Element, names: Mapping[str, str], colours: Mapping[str, str]) -> None:
    old = element.attrib
    new: dict[str, str] = {}
    for name, text in old.items():
        match name:
            case "id":
                if text in names:
                    new[name] = names[text]
            case "href":
                new[name] = "#" + names[text[1:]]
            case "style":
                if style := _style(text, colours):
                    new[name] = style
            case "d":
                new[name] = _path(text)
            case "transform" if text.startswith("rotate(-0 "):
                continue
            case _:
                new[name] = _rounded(_REFERENCE.sub(lambda match: f"url(#{names[match.group(1)]})", text))
    element.attrib = new


def _style(text: str, colours: Mapping[str, str]) -> str:
    kept = []
    for declaration in text.split(";"):
        name, _, content = (part.strip() for part in declaration.partition(":"))
        if name and name != "font-family" and (name, content) not in _DEFAULTS:
            coloured = _HEX.sub(lambda match: colours.get(match.group(), match.group()), content)
            kept.append(f"{name}:{_rounded(coloured)}")
    return ";".join(kept)


def _path(text: str) -> str:
    """Shorten a path: a tenth of a point is finer than any screen; points that fall together are drawn once."""
    steps: list[str] = []
    for found in _STEP.findall(_rounded(text)):
        step = found[0] + found[1:].strip()
        if not steps or step != steps[-1]:
            steps.append(step)
    return "".join(steps)


def _rounded(text: str) -> str:
    return _NUMBER.sub(lambda match: f"{round(float(match.group()), 1) + 0.0:.1f}".removesuffix(".0"), text)


def _flatten(element: ET.Element) -> None:
    """Replace groups that carry nothing by what they hold, and drop empty ones."""
    children: list[ET.Element] = []
    for child in list(element):
        _flatten(child)
        if child.tag == "g" and not child.attrib:
            children.extend(child)
        elif child.tag == "path" and child.get("style", "") in {"fill:none", "fill:none;opacity:0"}:
            continue
        elif child.tag not in {"g", "defs"} or len(child):
            children.append(child)
    element[:] = children


def _describe(root: ET.Element, prefix: str, title: str, description: str) -> None:
    box = root.attrib["viewBox"]
    root.attrib = {
        "viewBox": box,
        "role": "img",
        "aria-labelledby": f"{prefix}-title {prefix}-desc",
    }
    for at, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ET.Element(tag, {"id": f"{prefix}-{tag}"})
        element.text = text
        root.insert(at, element)
