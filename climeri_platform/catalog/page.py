"""The page of a night: what an admin reads in the morning, made from the report alone.

One file without script or network, so that it can be mailed, printed and kept.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from climeri_platform import __version__
from climeri_platform.catalog.night import NAMED, STALE, UNCOUNTED, NightReport, RootNight
from climeri_platform.catalog.walk import readable
from climeri_platform.core.extras import needs
from climeri_platform.core.sizes import many, size_text

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = [
    "KINDS",
    "complete_report",
    "duration_text",
    "night_page",
    "printable",
    "verdict",
]

TEMPLATE = Path(__file__).with_name("night.html.jinja")
KINDS = {
    "added": "new",
    "gone": "gone",
    "changed": "changed",
    "moved": "moved",
    "re_versioned": "another newest version",
}
"""Kinds of change as the report names them, and as people do."""
_PATHS = 20  # of a kind on the page; the JSON holds up to a thousand, the tables all
_MODELS = 25
_DUPLICATES = 20
_COUNTED = ("unreadable", "headers_failed", "contradictions")  # lists with a number beside


def night_page(report: dict[str, Any]) -> str:
    """Return the page of a report.

    Parameters
    ----------
    report
        What `NightReport.as_dict` or `reporting.failed_night` gives, or what was read back from
        JSON. What an older version did not write yet counts as nothing.

    Returns
    -------
    str
        A whole HTML document. Names of files may hold anything: they are escaped.

    Raises
    ------
    MissingExtra
        If the extra ``nightly`` is not installed.

    Examples
    --------
    >>> page = night_page({"site": "local", "store": "/srv/store", "snapshot": "20260101T020000Z"})
    >>> "20260101T020000Z" in page
    True
    """
    told = complete_report(report)
    models = told["bytes_by_model"] = sorted(
        told["bytes_by_model"], key=lambda each: (-each["size"], each["model"] or "")
    )
    return _template().render(
        night=told,
        verdict=verdict(told),
        summed=_sums(told),
        changed=_changed(told),
        kinds=KINDS,
        institutions=_institutions(models),
        models=models[:_MODELS],
        duplicates=told["duplicated"][:_DUPLICATES],
        stale=STALE,
        uncounted=UNCOUNTED,
        shown=_PATHS,
        version=__version__,
    )


@cache
def _template() -> Template:
    with needs("nightly", "the page of a nightly report"):
        from jinja2 import Environment, StrictUndefined
    house = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    house.filters |= {"bytes": size_text, "number": "{:,}".format, "duration": duration_text}
    house.filters |= {"when": _when, "many": many, "cut": cut}
    return house.from_string(TEMPLATE.read_text(encoding="utf-8"))


def complete_report(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report with everything that one may hold, every text of it printable.

    Parameters
    ----------
    report
        As it was written, perhaps by an older version.
    """
    told = {**NightReport("", "").as_dict(), "failure": None, **_printable(report)}
    blank = asdict(RootNight("", "", ""))
    told["roots"] = [{**blank, **each} for each in told["roots"]]
    # older versions wrote the lists alone, and null for the size of a store that is a directory
    for each in told["roots"]:
        for kind in _COUNTED:
            each[f"{kind}_count"] = max(each[f"{kind}_count"], len(each[kind]))
    told["duplicated"] = [{**each, "size": each.get("size") or 0} for each in told["duplicated"]]
    told["duplicated_count"] = max(told["duplicated_count"], len(told["duplicated"]))
    told["duplicated_size"] = max(
        told["duplicated_size"], sum(each["size"] for each in told["duplicated"])
    )
    lists: dict[str, Any] = {"numbers": {}, **{kind: [] for kind in KINDS}}
    told["changes"] = [{"family": "", **lists, **each} for each in told["changes"]]
    for each in told["changes"]:
        each["numbers"] = {kind: each["numbers"].get(kind, len(each[kind])) for kind in KINDS}
    return told


def printable(text: str) -> str:
    r"""Return a text in which whatever does not print, or turns the direction, is escaped.

    Parameters
    ----------
    text
        Such as the name of a file.

    Examples
    --------
    >>> print(printable("tas\n\x1b[31m\u202e.nc"), printable("\udce9.nc"))
    tas\n\x1b[31m\u202e.nc \xe9.nc
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in _decodable(text)
    )


def _decodable(text: str) -> str:
    try:
        return readable(text)
    except UnicodeEncodeError:  # half a pair that no file name gives, from JSON written by hand
        return text.encode("utf-8", "backslashreplace").decode()


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {_printable(key): _printable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(each) for each in value]
    return value


def verdict(told: dict[str, Any]) -> str:
    """Return how a night ended: ``failed``, ``stale`` if roots are as they were, or ``good``.

    Parameters
    ----------
    told
        A report, as `complete_report` gives it.
    """
    if told["failure"] or not told["snapshot"]:
        return "failed"
    return "stale" if told["problems"] else "good"


def _sums(told: dict[str, Any]) -> dict[str, Any]:
    """Return what the roots add up to."""
    columns = (
        "catalogued",
        "size",
        "datasets",
        "new",
        "changed",
        "gone",
        "rejected",
        "carried",
        "headers",
        "headers_left",
    )
    roots = told["roots"]
    sums: dict[str, Any] = {each: sum(root[each] for root in roots) for each in columns}
    for kind in _COUNTED:
        number = sums[kind] = sum(root[f"{kind}_count"] for root in roots)
        least = any(_cut(root[kind], root[f"{kind}_count"]) for root in roots)
        noun = "path" if kind == "unreadable" else "file"
        sums[f"{kind}_text"] = ("at least " if least else "") + many(number, noun)
    return sums


def _changed(told: dict[str, Any]) -> dict[str, int]:
    """Return the numbers of all families, a moved file counted once; the first night is all new."""
    if told["previous"] is None:
        return dict.fromkeys(KINDS, 0) | {"added": sum(each["new"] for each in told["roots"])}
    return {kind: sum(each["numbers"][kind] for each in told["changes"]) for kind in KINDS}


def _institutions(models: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for each in models:
        name = each["institution"] or "not in the names"
        row = found.setdefault(
            (each["family"], name),
            {"family": each["family"], "institution": name, "models": 0, "size": 0, "files": 0},
        )
        row["models"] += each["model"] is not None
        row["size"] += each["size"]
        row["files"] += each["files"]
    return sorted(found.values(), key=lambda each: (-each["size"], each["institution"]))


def duration_text(seconds: float) -> str:
    """Return a duration as people write it.

    Parameters
    ----------
    seconds
        Not negative.

    Examples
    --------
    >>> duration_text(0.353), duration_text(75), duration_text(5 * 3600 + 120)
    ('0.4 s', '1 min 15 s', '5 h 02 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60:02} min" if hours else f"{rest // 60} min {rest % 60} s"


def _when(began: str, seconds: float = 0.0) -> str:
    try:
        moment = datetime.fromisoformat(began) + timedelta(seconds=seconds)
    except (ValueError, TypeError):
        return began
    return moment.strftime("%A %-d %B %Y, %H:%M UTC")


def cut(text: str, listed: list[Any], count: int) -> str:
    """Return a text about a list of a report, which may be longer than reports hold.

    Parameters
    ----------
    text
        What is said of it.
    listed
        A list of a report.
    count
        The number that the report has beside it; older ones had none, and the list's own stands
        for it.

    Examples
    --------
    >>> cut("1 path", ["a"], 1), cut("1,000 paths", ["a"] * NAMED, NAMED)
    ('1 path', 'at least 1,000 paths')
    >>> cut("7,000 paths", ["a"] * NAMED, 7000)
    '7,000 paths'
    """
    return f"at least {text}" if _cut(listed, count) else text


def _cut(listed: list[Any], count: int) -> bool:
    return len(listed) >= NAMED and count <= len(listed)
