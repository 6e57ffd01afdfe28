"""Templates of directories and file names: facets between ``<`` and ``>``, ``[...]`` may be absent."""

from __future__ import annotations

import re

__all__ = ["FACET", "TIME_RANGE", "fill", "is_context_free", "pattern_of"]

FACET = re.compile(r"<(\w+)>")
TIME_RANGE = r"\d{4,14}(?:-\d{4,14})?(?:-clim|-CLIM)?"
_ANYTHING = r"[^/]+"
# a template says .nc; a Zarr store or a reference file of the same name stands for the same data
_NETCDF = re.compile(r"\.nc4?$")
_ENDING = r"(?:\.nc4?|\.zarr|[._]kerchunk\.(?:json|parquet)|\.parq)"
# no slash, no wildcard, no range but of letters and digits, nothing that looks around or back
_CONTEXT_FREE = re.compile(
    r"(?:[A-Za-z0-9 ,_-]|\\[d.]"
    r"|\[(?:[A-Z]-[A-Z]|[a-z]-[a-z]|\d-\d|[A-Za-z0-9 ().,+_]|\\[d.]|-(?=\]))+\]"
    r"|\((?!\?)|\(\?:|[)|]|(?:[?*+]|\{\d+(?:,\d*)?\})\??(?!\+))*",
    re.ASCII,
)


def pattern_of(template: str, patterns: dict[str, str]) -> re.Pattern[str]:
    """Compile a template.

    Parameters
    ----------
    template
        Such as ``<variable>_<table>[_<time_range>].nc``.
    patterns
        What each facet may hold; anything without a slash if it is not there.

    Returns
    -------
    re.Pattern
        With one named group for each facet; a facet that comes again must say the same.
    """
    seen: set[str] = set()
    bare, is_netcdf = _NETCDF.subn("", template)
    out = ""
    for piece in re.split(r"(<\w+>|\[|\])", bare):
        match = FACET.fullmatch(piece)
        if piece == "[":
            out += "(?:"
        elif piece == "]":
            out += ")?"
        elif match is None:
            out += re.escape(piece)
        elif match[1] in seen:
            out += f"(?P={match[1]})"
        else:
            seen.add(match[1])
            default = TIME_RANGE if match[1] == "time_range" else _ANYTHING
            out += f"(?P<{match[1]}>{patterns.get(match[1], default)})"
    return re.compile(out + (_ENDING if is_netcdf else ""), re.ASCII)


def is_context_free(pattern: str) -> bool:
    r"""Return whether a pattern surely matches the same text wherever it stands.

    So it is if it matches no slash, and asks nothing of what is before and behind it. Of patterns
    that are not simple, the answer is no.

    Examples
    --------
    >>> is_context_free(r"r\d+i\d+(?:f\d+)?"), is_context_free("(?!x)[a-z]+"), is_context_free(".+")
    (True, False, False)
    """
    return _CONTEXT_FREE.fullmatch(pattern) is not None


def fill(templates: list[str], facets: dict[str, str]) -> tuple[int, str] | None:
    """Write the template that holds the most of the facets.

    Parameters
    ----------
    templates
        The earlier one wins where two hold as many.
    facets
        The value of each.

    Returns
    -------
    tuple or None
        How many facets it holds, and the text; None if each template wants more.
    """
    best: tuple[int, str] | None = None
    for template in templates:
        text = re.sub(
            r"\[([^\]]*)\]",
            lambda m: m[1] if all(name in facets for name in FACET.findall(m[1])) else "",
            template,
        )
        names = set(FACET.findall(text))
        if names <= facets.keys() and (best is None or len(names) > best[0]):
            best = len(names), FACET.sub(lambda m: facets[m[1]], text)
    return best
