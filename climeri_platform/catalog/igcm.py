"""``config.card`` and ``run.card`` of libIGCM: what a run says of itself without a card of ours.

They are written by hand and read by shell scripts: sections in brackets, ``Key=value`` lines whose
case matters, quotes that may be missing, comments anywhere. What cannot be understood is passed
over, never an error.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import os

__all__ = ["CONFIG_CARD", "RUN_CARD", "RunFacts", "calendar_of", "read_run", "sections_of"]

CONFIG_CARD, RUN_CARD = "config.card", "run.card"
_LARGEST = 1_000_000  # bytes
_CALENDARS = {
    "leap": "standard",
    "gregorian": "standard",
    "noleap": "noleap",
    "365d": "noleap",
    "360d": "360_day",
    "360_day": "360_day",
    "all_leap": "all_leap",
    "366d": "all_leap",
}


class RunFacts(BaseModel):
    """What the two files say of a run; empty where they do not.

    Attributes
    ----------
    job, tag, space, experiment, title
        JobName, TagName, SpaceName, ExperimentName, LongName.
    calendar
        By its CF name.
    begin, end
        The days of the whole run, YYYY-MM-DD.
    done, state
        The last day of the period that ``run.card`` is at, and its state.
    components
        Component to the model that it is, such as ATM to ``lmdz``.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    job: str = ""
    tag: str = ""
    space: str = ""
    experiment: str = ""
    title: str = ""
    calendar: str = ""
    begin: str = ""
    end: str = ""
    done: str = ""
    state: str = ""
    components: dict[str, str] = {}


def sections_of(path: str | os.PathLike[str]) -> dict[str, dict[str, str]]:
    """Return the sections of such a file; nothing if it is not there or cannot be read.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    dict
        Section to key to value, quotes and comments taken off.
    """
    try:
        if not Path(path).is_file():  # a pipe of that name would wait for ever
            return {}
        with Path(path).open("rb") as file:
            raw = file.read(_LARGEST)
    except (OSError, ValueError):
        return {}
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")  # older editors, French accents
    found: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in text.splitlines():
        bare = line.strip()
        if match := re.fullmatch(r"\[\s*(.+?)\s*\](?:\s*#.*)?", bare):
            section = found.setdefault(match[1], {})
        elif "=" in bare and not bare.startswith(("#", ";")):
            key, _, value = bare.partition("=")
            section[key.strip()] = _value(value.strip())
    return found


def _value(text: str) -> str:
    if quoted := re.match(r"""(["'])(.*?)\1""", text):
        return quoted[2].strip()
    return re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip().strip("\"'").strip()


def calendar_of(text: str) -> str:
    """Return the CF name of a calendar that libIGCM names, "" if it is none.

    Examples
    --------
    >>> calendar_of("leap"), calendar_of("360d"), calendar_of("")
    ('standard', '360_day', '')
    """
    return _CALENDARS.get(text.strip().lower(), "")


def _day(text: str) -> str:
    match = re.fullmatch(r"(\d{1,4})-(\d{1,2})-(\d{1,2})|(\d{4})(\d{2})(\d{2})", text)
    if match is None:
        return ""
    year, month, day = (int(each) for each in match.groups() if each is not None)
    good = 1 <= month <= 12 and 1 <= day <= 31  # of any calendar
    return f"{year:04}-{month:02}-{day:02}" if good else ""


def read_run(folder: str | os.PathLike[str]) -> RunFacts | None:
    """Return what a folder's ``config.card`` and ``run.card`` say, or None if it has none.

    Parameters
    ----------
    folder
        The folder of the run, as it is stored or where it was submitted.
    """
    card = sections_of(Path(folder) / CONFIG_CARD)
    run = sections_of(Path(folder) / RUN_CARD).get("Configuration", {})
    if not card and not run:
        return None
    chosen = card.get("UserChoices", {})
    parts = {
        name: match[1]
        for name, value in card.get("ListOfComponents", {}).items()
        if (match := re.match(r"\(\s*([\w.+-]+)", value))
    }
    return RunFacts(
        job=chosen.get("JobName", ""),
        tag=chosen.get("TagName", ""),
        space=chosen.get("SpaceName", ""),
        experiment=chosen.get("ExperimentName", ""),
        title=chosen.get("LongName", ""),
        calendar=calendar_of(chosen.get("CalendarType", "")),
        begin=_day(chosen.get("DateBegin", "")),
        end=_day(chosen.get("DateEnd", "")),
        done=_day(run.get("PeriodDateEnd", "")),
        state=run.get("PeriodState", ""),
        components=parts,
    )
