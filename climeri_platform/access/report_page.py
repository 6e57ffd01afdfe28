"""The report as HTML: counts first, then the datasets, those with the gravest lines open."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from climeri_platform.access.report import STATUSES
from climeri_platform.core.sizes import many

if TYPE_CHECKING:
    from climeri_platform.access.report import Entry, OpenReport

__all__ = ["page", "view"]

# told by a word and not by colour alone
_COLOURS = {
    "skipped": "#b00020",
    "offline": "#7a4f00",
    "repaired": "#5b2a86",
    "noted": "#00507a",
    "renamed": "#4a4a4a",
    "opened": "#1b6e2c",
}
_MEANS = {
    "skipped": "is not in the result",
    "offline": "is on tape, and was left there",
    "repaired": "is in the result, and was changed",
    "noted": "is in the result, and there is something to know",
    "renamed": "is in the result, its numbers as they were",
    "opened": "is in the result",
}
_OPEN = 5  # datasets whose lines are shown at once


def view(report: OpenReport) -> str:
    """Return the part of a page that shows a report, for a notebook.

    Parameters
    ----------
    report
        What to show; all that files say is escaped.
    """
    if not len(report):
        return f"<p>{escape(report.summary())}</p>"
    groups: dict[str, list[Entry]] = {}
    for each in report:
        groups.setdefault(each.dataset, []).append(each)
    told = {key: its for key, its in groups.items() if any(e.status != "opened" for e in its)}
    ranked = sorted(told.items(), key=lambda item: (_rank(item[1]), item[0]))
    parts = [f"<p>{escape(report.summary())}</p>", _counts(report)]
    for number, (key, its) in enumerate(ranked):
        parts.append(_group(key, its, shown=_rank(its) < 2 and number < _OPEN))
    if plain := [key for key in groups if key not in told]:
        rows = "".join(f"<li>{escape(key)}</li>" for key in plain)
        parts.append(
            f"<details><summary>{many(len(plain), 'dataset')} opened, and nothing to be told</summary>"
            f"<ul>{rows}</ul></details>"
        )
    return f"<div class='climeri-report'>{''.join(parts)}</div>"


def page(report: OpenReport) -> str:
    """Return a whole page, with its style in it.

    Parameters
    ----------
    report
        What to show.
    """
    style = (
        "body{font:15px/1.45 sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;"
        "color:#222;background:#fff}table{border-collapse:collapse}td,th{padding:.25rem .6rem;"
        "text-align:left;vertical-align:top;border-bottom:1px solid #ddd;overflow-wrap:anywhere}"
        "details{margin:.4rem 0}summary{cursor:pointer;overflow-wrap:anywhere}"
    )
    return (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>{escape(report.summary())}</title><style>{style}</style></head>\n"
        f"<body><h1>What was opened</h1>\n{view(report)}\n</body></html>\n"
    )


def _rank(entries: list[Entry]) -> int:
    return min(STATUSES.index(each.status) for each in entries)


def _badge(status: str, count: int | None = None) -> str:
    text = status if count is None else f"{count} {status}"
    return f"<b style='color:{_COLOURS[status]}'>{text}</b>"


def _counts(report: OpenReport) -> str:
    rows = ""
    for status in STATUSES:
        if its := report.having(status):
            datasets = len({each.dataset for each in its})
            rows += (
                f"<tr><td>{_badge(status)}</td><td>{len(its)}</td><td>{datasets}</td>"
                f"<td>{_MEANS[status]}</td></tr>"
            )
    head = "<tr><th></th><th>lines</th><th>datasets</th><th></th></tr>"
    return f"<table>{head}{rows}</table>"


def _group(key: str, entries: list[Entry], *, shown: bool) -> str:
    counts = [
        _badge(status, count)
        for status in STATUSES
        if status != "opened" and (count := sum(e.status == status for e in entries))
    ]
    rows = ""
    for each in sorted(entries, key=lambda each: STATUSES.index(each.status)):
        if each.status != "opened":
            rows += (
                f"<tr><td>{_badge(each.status)}</td><td>{escape(each.cause)}</td>"
                f"<td>{escape(each.remedy)}</td><td><small>{escape(each.path)}</small></td></tr>"
            )
    lost = _rank(entries) < 2 and not any(each.status == "opened" for each in entries)
    inside = " (not in the result)" if lost else ""
    head = "<tr><th></th><th>cause</th><th>remedy</th><th>file</th></tr>"
    return (
        f"<details{' open' if shown else ''}><summary>{escape(key)}{inside}: {', '.join(counts)}"
        f"</summary><table>{head}{rows}</table></details>"
    )
