"""Joining simulation cards to the rows of a catalog, while it is built.

A card holds for every file below its folder, the nearest one above a file counts; a folder of cards
(``--cards``) goes by the name of the simulation, where only one run has it. Rows get the columns of `CARD_COLUMNS` and one
``params.NAME`` for each parameter; the whole card stays beside the tables, in ``cards.json``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import polars as pl
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from climeri_platform.catalog.cardfacets import PARAMETERS
from climeri_platform.catalog.cards import CARD_FILE, SimulationCard, check_card, os_text
from climeri_platform.catalog.family import Family, family_names, load_family
from climeri_platform.catalog.igcm import CONFIG_CARD, RunFacts, read_run
from climeri_platform.catalog.runs import several_runs
from climeri_platform.core.errors import StoreDamaged, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from climeri_platform.catalog.layout import Snapshot
    from climeri_platform.catalog.renewal import Renewal

__all__ = [
    "CARDS_FILE",
    "FoundCard",
    "FoundCards",
    "GivenCards",
    "Lookup",
    "apply_cards",
    "cards_for",
    "cards_of",
    "cards_text",
    "cards_without",
    "check_given_cards",
    "completed",
    "find_cards",
    "stored_cards",
]

_Known = TypeVar("_Known")
CARDS_FILE = "cards.json"
"""The whole cards, beside the tables of a family."""
GivenCards: TypeAlias = "str | os.PathLike[str] | Mapping[str, SimulationCard] | None"
_BESIDE = f"put each run's card into its folder, as {CARD_FILE}"
_A_FOLDER_OF_CARDS = "It holds one YAML file a simulation: climeri card new RUNDIR --to FILE."
CARDED, UNCARDED = "carded", "uncarded"


class FoundCard(BaseModel):
    """A card, or what libIGCM says of a run, and what it holds for.

    Attributes
    ----------
    root, folder
        The files below this folder; "" for the whole root.
    simulation
        In place of a folder, the simulation of that name.
    card, run
        What is known.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    root: str
    folder: str = ""
    simulation: str = ""
    card: SimulationCard | None = None
    run: RunFacts | None = None


_LIST = TypeAdapter(list[FoundCard])


def cards_text(cards: list[FoundCard]) -> str:
    """Return cards as JSON."""
    return _LIST.dump_json(cards, indent=1, exclude_none=True).decode()


def cards_of(text: str) -> list[FoundCard]:
    """Return the cards that JSON holds."""
    return _LIST.validate_json(text)


@dataclass(slots=True)
class FoundCards:
    """The cards of one root, and those that cannot be used, with the reason."""

    cards: list[FoundCard] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)


def check_given_cards(family: Family, given: GivenCards) -> None:
    """Refuse cards that would hold for nothing, before a root is walked for them.

    Parameters
    ----------
    family
        Of the root.
    given
        As `find_cards` takes them.

    Raises
    ------
    UsageError
        If the family has no simulation cards, or their folder is not there.
    """
    if given is None or isinstance(given, Mapping):
        return
    folder = Path(given).expanduser()
    if not family.cards:
        having = ", ".join(each for each in family_names() if load_family(each).cards)
        raise UsageError(
            f"the family {family.family} has no simulation cards: nothing would be read from the "
            f"folder of cards {os_text(folder)}",
            hint=f"Leave it out. With cards are {having}, and families of your own by `cards: true`.",
        )
    if not folder.is_dir():
        raise UsageError(
            f"the folder of cards {os_text(folder)} is not there, or is no folder",
            hint=_A_FOLDER_OF_CARDS,
        )


def _above(folders: Iterable[str]) -> list[str]:
    """Return the folders and all above them within the root, sorted."""
    found = {""}
    for folder in folders:
        at = folder
        while at not in found:
            found.add(at)
            at = at.rpartition("/")[0]
    return sorted(found)


def find_cards(
    family: Family,
    place: Path,
    root: str,
    files: pl.DataFrame,
    *,
    folder: GivenCards = None,
    look: bool = True,
) -> FoundCards:
    """Look for cards beside and above the files of a root.

    Parameters
    ----------
    family
        Nothing is looked for unless it has cards.
    place, root
        The root, and its name in the store.
    files
        Its rows of the `files` table.
    folder
        A folder of further cards, ``*.yaml``, each with its ``simulation``; or cards by the folder
        of the run that each is of, relative to the root.
    look
        Whether the root is here to be looked at.

    Returns
    -------
    FoundCards
        A card that is wrong is among its problems, and the run is as without it.

    Raises
    ------
    UsageError
        If the folder of cards cannot be read.
    """
    found = FoundCards()
    if not family.cards:
        return found
    folders = {path.rpartition("/")[0] for path in files["path"]}
    if look:
        for relative in _above(folders):
            _look(place / relative, root, relative, found)
        for above in place.parents[: _levels_above(family, folders)]:
            _look(above, root, "", found)
    if isinstance(folder, Mapping):
        found.cards += [FoundCard(root=root, folder=at, card=card) for at, card in folder.items()]
    elif folder is not None:
        named = list(_by_name(Path(folder).expanduser(), root, found.problems))
        several = several_runs(family, files, {each.simulation for each in named})
        found.cards += [each for each in named if each.simulation not in several]
        found.problems += [
            (name, f"simulation: several runs have that name: {', '.join(runs)}; {_BESIDE}")
            for name, runs in several.items()
        ]
    return found


def _levels_above(family: Family, folders: set[str]) -> int:
    """Return how many levels of the family's trees stand above the root."""
    depths = [each.count("/") + 1 for tree in family.trees for each in tree.directories]
    shallow = min((len(each.split("/")) if each else 0 for each in folders), default=0)
    return max(0, min(depths) - shallow)


def _look(place: Path, root: str, relative: str, found: FoundCards) -> None:
    card = None
    path = place / CARD_FILE
    if os.path.lexists(path):
        card, problems = check_card(path)
        shown = os_text(f"{relative}/{CARD_FILE}" if relative else path)
        found.problems += [(shown, str(each)) for each in problems]
    run = read_run(place) if os.path.lexists(place / CONFIG_CARD) else None
    # of several above the root, the nearest came first
    here = [each for each in found.cards if each.folder == relative]
    card = None if any(each.card for each in here) else card
    run = None if any(each.run for each in here) else run
    if card is not None or run is not None:
        found.cards.append(FoundCard(root=root, folder=relative, card=card, run=run))


def _by_name(folder: Path, root: str, problems: list[tuple[str, str]]) -> Iterator[FoundCard]:
    try:
        paths = sorted(
            each for each in folder.iterdir() if each.suffix in (".yaml", ".yml") and each.is_file()
        )
    except OSError as problem:
        raise UsageError(
            f"the folder of cards {os_text(folder)} cannot be read: {problem.strerror}",
            hint=_A_FOLDER_OF_CARDS,
        ) from problem
    for path in paths:
        card, wrong = check_card(path)
        problems += [(os_text(path), str(each)) for each in wrong]
        if card is not None and not card.simulation:
            problems.append((os_text(path), "simulation: it is missing, and nothing else says it"))
        elif card is not None:
            yield FoundCard(root=root, simulation=card.simulation or "", card=card)


@dataclass(frozen=True, slots=True)
class Lookup:
    """Cards by what they hold for."""

    by_folder: dict[str, SimulationCard]
    by_name: dict[str, SimulationCard]
    runs: dict[str, RunFacts]

    @classmethod
    def of(cls, cards: Sequence[FoundCard]) -> Lookup:
        """Return the lookup among the cards of one root."""
        return cls(
            {each.folder: each.card for each in cards if each.card and not each.simulation},
            {each.simulation: each.card for each in cards if each.card and each.simulation},
            {each.folder: each.run for each in cards if each.run},
        )

    def card(self, folder: str, simulation: str | None) -> SimulationCard | None:
        """Return the card of a file in a folder: the one by its simulation's name goes first."""
        if simulation is not None and simulation in self.by_name:
            return self.by_name[simulation]
        return _nearest(self.by_folder, folder)

    def run(self, folder: str) -> RunFacts | None:
        """Return what libIGCM says of the run of a file in a folder."""
        return _nearest(self.runs, folder)


def _nearest(known: dict[str, _Known], folder: str) -> _Known | None:
    at = folder
    while at not in known and at:
        at = at.rpartition("/")[0]
    return known.get(at)


def apply_cards(files: pl.DataFrame, family: Family, cards: Sequence[FoundCard]) -> pl.DataFrame:
    """Return the rows of one root with what its cards say of them.

    Parameters
    ----------
    files
        Rows of the `files` table.
    family
        One that has cards; its ``parameters`` are the columns that there will be.
    cards
        Of this root.

    Returns
    -------
    polars.DataFrame
        The same rows in the same order. ``calendar`` is filled where only a card or ``config.card`` says it;
        ``model``, ``experiment`` and ``member`` are the card's where it has them.
    """
    lookup = Lookup.of(cards)
    simulation = family.names.get("simulation")
    keys = files.select(
        pl.col("path").str.replace(r"/?[^/]*$", "").alias("#folder"),
        (pl.col(simulation) if simulation else pl.lit(None, pl.String)).alias("#name"),
    )
    said = []
    for folder, name in keys.unique().iter_rows():
        card, run = lookup.card(folder, name), lookup.run(folder)
        said.append({"#folder": folder, "#name": name, **_columns(card, run, family)})
    schema = dict.fromkeys(("#folder", "#name", *_columns(None, None, family)), pl.String)
    told = keys.join(
        pl.DataFrame(said, schema=schema),
        on=["#folder", "#name"],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    new = [told[name].alias(name) for name in schema if not name.startswith("#")]
    calendar = pl.coalesce("calendar", told["#calendar"])
    return completed(files.with_columns(*new, calendar=calendar), family)


def _columns(
    card: SimulationCard | None, run: RunFacts | None, family: Family
) -> dict[str, str | None]:
    """Return what a row gets, column by column."""
    values: dict[str, str | None] = dict.fromkeys(family.card_facets)
    values["card"] = CARDED if card is not None else UNCARDED
    values["#calendar"] = (run.calendar or None) if run is not None else None
    if card is not None:
        values["#calendar"] = card.calendar or values["#calendar"]
        values["model"] = card.model
        values["experiment"], values["member"] = card.cmip.experiment, card.cmip.member
        values["forcing"] = card.forcing
        values["configuration"] = "+".join(sorted(card.configuration)) or None
        for name, each in card.parameters.items():
            values[f"{PARAMETERS}{name}"] = each.value
    return values


def completed(files: pl.DataFrame, family: Family) -> pl.DataFrame:
    """Return rows in which the columns of cards are filled by the family's own where cards are silent.

    Rows that were built before the family had cards are `UNCARDED`.
    """
    if not family.cards:
        return files
    filled = [
        pl.coalesce(name, facet).alias(name)
        for name, facet in family.behind_cards.items()
        if facet is not None
    ]
    return files.with_columns(*filled, card=pl.col("card").fill_null(UNCARDED))


def stored_cards(snapshot: Snapshot | None, family: str) -> list[FoundCard]:
    """Return the cards that a snapshot keeps of a family; none if it is older than they are.

    Raises
    ------
    StoreDamaged
        If they cannot be read.
    """
    if snapshot is None:
        return []
    path = snapshot.folder / family / CARDS_FILE
    try:
        return _LIST.validate_json(path.read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, ValidationError) as problem:
        raise StoreDamaged(
            f"the cards {path} cannot be read: {str(problem).splitlines()[0]}",
            hint=f"Rebuild it: climeri catalog build {family} ROOT --store {snapshot.store}",
        ) from problem


def cards_for(
    renewals: Sequence[Renewal], previous: Snapshot | None
) -> tuple[Family, dict[str, list[FoundCard]], dict[str, str]]:
    """Return the cards of the renewed roots of a family, and what follows for the family.

    Where nobody could look, the cards that a root had hold.

    Parameters
    ----------
    renewals
        Of one family.
    previous
        The snapshot to go on from: its cards hold for all other roots.

    Returns
    -------
    Family
        The rules to publish, with a column for each parameter.
    dict
        Root id to its cards.
    dict
        What to write beside the family's tables: name to text.
    """
    # roots that are as they were go by the rules of the last snapshot
    read = (each.family for each in renewals if each.root.stale is None)
    family = next(read, renewals[-1].family)
    if not family.cards:
        return family, {}, {}
    try:
        stored = stored_cards(previous, family.family)
    except StoreDamaged:
        stored = []  # this build mends it
    found = {
        each.root.root_id: _with_unseen(
            each, [card for card in stored if card.root == each.root.root_id]
        )
        for each in renewals
    }
    everything = [each for each in stored if each.root not in found]
    everything += [each for cards in found.values() for each in cards]
    names = {name for each in everything if each.card for name in each.card.parameters}
    rules = Family.model_validate({**family.model_dump(), "parameters": sorted(names)})
    return rules, found, {CARDS_FILE: cards_text(everything)}


def _with_unseen(renewal: Renewal, stored: list[FoundCard]) -> list[FoundCard]:
    """Return the cards of a root, with those that it had where nobody could look this time."""
    if renewal.cards is None:
        return stored

    def folders(*rows: pl.DataFrame) -> set[str]:
        return set(_above(path.rpartition("/")[0] for each in rows for path in each["path"]))

    if not stored or not len(renewal.carried):
        return renewal.cards
    unseen = folders(renewal.rows(renewal.carried, "path"))
    unseen -= folders(renewal.fresh, renewal.rows(renewal.kept, "path"))
    kept = [each for each in stored if each.folder in unseen and not each.simulation]
    return [*renewal.cards, *kept]


def cards_without(previous: Snapshot, family: Family, root: str) -> dict[str, str]:
    """Return what to write beside a family's tables once a root is forgotten: name to text."""
    if not family.cards:
        return {}
    stay = [each for each in stored_cards(previous, family.family) if each.root != root]
    return {CARDS_FILE: cards_text(stay)}
