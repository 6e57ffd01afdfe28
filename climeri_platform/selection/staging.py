"""Bringing files back from tape: each centre's own commands, in batches, as a script to run there."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from climeri_platform.catalog.pairing import of_keys
from climeri_platform.catalog.replicas import choose, replicas_here
from climeri_platform.core.errors import StoreError, UsageError
from climeri_platform.core.sizes import many, size_text
from climeri_platform.core.writing import write_named
from climeri_platform.selection.offline import bytes_offline
from climeri_platform.sites import (
    OnTapeFile,
    Recall,
    Site,
    is_address,
    load_site,
    read_sites,
    shell_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import polars as pl

    from climeri_platform.catalog import CatalogView
    from climeri_platform.catalog.replicas import Replica

__all__ = ["RecallScript", "Staging", "stage"]

_EXECUTABLE = 0o755


@dataclass(frozen=True, slots=True)
class RecallScript:
    """The commands of one centre.

    Attributes
    ----------
    site
        Its name; the script is to be run there.
    text
        The script, for ``sh``.
    files, bytes
        How much it recalls; files of unknown size count as none.
    batches
        In how many batches.
    """

    site: str
    text: str
    files: int
    bytes: int
    batches: int

    def __str__(self) -> str:
        size = size_text(self.bytes)
        return f"{self.site}: {many(self.files, 'file')}, {size}, in {many(self.batches, 'batch', 'batches')}"


@dataclass(frozen=True, slots=True)
class Staging:
    """What of a selection is on tape, and the scripts that recall it.

    Attributes
    ----------
    scripts
        One for each centre.
    left
        What is on tape or elsewhere, and no profile says how to recall it.
    spared
        How many files are not recalled, as another store has all of their dataset on disk.
    """

    scripts: tuple[RecallScript, ...] = ()
    left: tuple[str, ...] = ()
    spared: int = 0

    @property
    def files(self) -> int:
        """How many files the scripts recall."""
        return sum(each.files for each in self.scripts)

    @property
    def bytes(self) -> int:
        """How many bytes they are, as far as sizes are known."""
        return sum(each.bytes for each in self.scripts)

    def write(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write ``recall-<site>.sh`` for each centre; each is there whole, or as it was.

        Parameters
        ----------
        folder
            Where; it is made if it is missing.

        Returns
        -------
        list of pathlib.Path

        Raises
        ------
        UsageError
            If it cannot be written there.
        """
        place = Path(folder)
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise UsageError(f"{place} cannot be made: {problem.strerror or problem}") from problem
        return [
            write_named(place / f"recall-{each.site}.sh", each.text, mode=_EXECUTABLE)
            for each in self.scripts
        ]

    def __str__(self) -> str:
        said = [str(each) for each in self.scripts] or ["nothing that can be recalled is on tape"]
        if self.spared:
            files = many(self.spared, "file is", "files are")
            said.append(f"{files} not recalled: another store has all of the dataset on disk")
        return "\n".join([*said, *(f"left: {each}" for each in self.left)])

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is on tape of one version of a dataset, and the names of all its files."""

    dataset: str
    version: str | None
    names: frozenset[str]
    files: tuple[tuple[Site, str, OnTapeFile], ...] = ()
    left: str = ""


def stage(views: Iterable[CatalogView], every: Sequence[CatalogView] = ()) -> Staging:
    """Return the scripts that recall what is on tape of some views.

    Parameters
    ----------
    views
        What is to be read. Of each dataset the replica that would be opened is recalled; of one
        that is not here, the replica of a centre of which the profile says how.
    every
        The catalogs of all stores. A version of a dataset of which another store has every file on
        disk, by name, is not recalled: `open` takes it from there.

    Raises
    ------
    UnknownSite
        If the site's profile is not there, or names a variable that is not set.
    """
    here = load_site()
    others = [each for each in read_sites()[0] if each != here]
    wanted: dict[tuple[str, str], dict[str, OnTapeFile]] = defaultdict(dict)
    left: list[str] = []
    spared = 0
    for view in views:
        found = list(_on_tape(view, here, others))
        there = _on_disk(view, found, every, here)
        for each in found:
            if (each.dataset, each.version) in there:
                spared += len(each.files)
                continue
            left += [each.left] if each.left else []
            for site, root, file in each.files:
                wanted[site.site, root].setdefault(file.path, file)
    sites = {each.site: each for each in (here, *others)}
    names = dict.fromkeys(name for name, _ in wanted)
    return Staging(
        tuple(
            _script(
                sites[name],
                [(root, [*files.values()]) for (at, root), files in wanted.items() if at == name],
            )
            for name in names
        ),
        tuple(dict.fromkeys(left)),
        spared,
    )


def _on_disk(
    view: CatalogView, wanted: Sequence[_Wanted], every: Iterable[CatalogView], here: Site
) -> set[tuple[str, str | None]]:
    """Return which of what is wanted another store has whole, in one root, on a disk that is here."""
    names = {(each.dataset, each.version): each.names for each in wanted}
    found: set[tuple[str, str | None]] = set()
    for other in every:
        same_family = other.family.family == view.family.family
        if not names or not same_family or other.snapshot.store == view.snapshot.store:
            continue
        try:
            theirs = of_keys(other, [dataset for dataset, _ in names], "that are on tape")
            files = theirs.files("dataset", "version", "root", "path")
        except StoreError:  # it is told where it is asked for its own
            continue
        mounts = {root: each.mount for root, each in replicas_here(other.snapshot, here).items()}
        groups = files.group_by("dataset", "version", "root", maintain_order=True)
        for (dataset, version, root), rows in groups:
            key: tuple[str, str | None] = dataset, version  # type: ignore[assignment] # polars says object
            paths = {path.rpartition("/")[2]: path for path in rows["path"]}
            mount = mounts[str(root)]
            if key in found or key not in names or mount is None or is_address(mount):
                continue
            if names[key] <= {*paths} and _readable(
                f"{mount}/{paths[each]}" for each in names[key]
            ):
                found.add(key)
    return found


def _readable(paths: Iterable[str]) -> bool:
    """Return whether all files are there, and none is on tape only, whatever its root is said to be."""
    return all(
        os.path.exists(path) and size is None  # noqa: PTH110 - very many
        for path in paths
        for size in bytes_offline([(path, None)])
    )


def _on_tape(view: CatalogView, here: Site, others: list[Site]) -> Iterator[_Wanted]:
    columns = ["dataset", "version", "root", "path", "start", "end", "size"]
    columns += [name for name in ("online",) if name in view.file_rows.collect_schema()]
    files = view.files(*columns)
    replicas = replicas_here(view.snapshot, here)
    groups: dict[tuple[str, str | None, str], pl.DataFrame] = {
        (dataset, version, root): rows  # type: ignore[misc] # polars says object
        for (dataset, version, root), rows in files.group_by(
            "dataset", "version", "root", maintain_order=True
        )
    }
    roots: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    for dataset, version, root in groups:
        roots[dataset, version].append(root)
    for dataset, version, root in choose(files, replicas).iter_rows():
        rows = groups[dataset, version, root]
        names = frozenset(path.rpartition("/")[2] for path in rows["path"])
        one = _Wanted(dataset, version, names)
        if replicas[root].mount is not None:
            released = _released(rows, replicas[root])
            if released and _recall_of(here, root) is None:
                said = f"{root}: the profile of {here.site} does not say how to recall it"
                yield replace(one, left=said)
            elif released:
                yield replace(one, files=tuple((here, root, file) for file in released))
            continue
        for site, other in _elsewhere(roots[dataset, version], here, others):
            prefix = shell_text(site.mounts[other].path.rstrip("/"))
            its = [
                (site, other, OnTapeFile(prefix, path, size))
                for path, size, *online in _columns(groups[dataset, version, other])
                if online != [True]
            ]
            yield replace(one, files=tuple(its))
            break
        else:
            yield replace(one, left=f"{dataset}: not here, and no profile says how to recall it")


def _columns(rows: pl.DataFrame) -> Iterator[tuple[str, int | None, bool | None]]:
    yield from rows.select("path", "size", *({"online"} & {*rows.columns})).iter_rows()


def _released(rows: pl.DataFrame, replica: Replica) -> list[OnTapeFile]:
    if not replica.tape or replica.mount is None:
        return []
    known = [(path, online[0] if online else None) for path, _, *online in _columns(rows)]
    sizes = bytes_offline([(f"{replica.mount}/{path}", online) for path, online in known])
    prefix = quote(replica.mount.rstrip("/"))
    return [
        OnTapeFile(prefix, path, size)
        for (path, _), size in zip(known, sizes, strict=True)
        if size is not None
    ]


def _recall_of(site: Site, root: str) -> Recall | None:
    return site.mounts[root].recall if root in site.mounts else None


def _elsewhere(roots: list[str], here: Site, others: list[Site]) -> Iterator[tuple[Site, str]]:
    for site in (here, *others):
        yield from ((site, root) for root in roots if _recall_of(site, root) is not None)


def _script(site: Site, wanted: list[tuple[str, list[OnTapeFile]]]) -> RecallScript:
    files = [file for _, those in wanted for file in those]
    size = sum(file.size or 0 for file in files)
    batches = []
    for root, those in wanted:
        recall = _recall_of(site, root)
        assert recall is not None
        batches += [(recall, batch) for batch in recall.batches(those)]
    notes = dict.fromkeys(recall.note for recall, _ in batches if recall.note)
    lines = [
        "#!/bin/sh",
        _comment(f"{site.title}: {many(len(files), 'file')}, {size_text(size)}, back from tape."),
        "# Run it there, and again if it was broken off: it may ask twice for a file.",
        *map(_comment, notes),
        "set -u",
        "failed=0",
    ]
    for number, (recall, batch) in enumerate(batches, 1):
        told = f"batch {number} of {len(batches)}: {many(len(batch), 'file')}"
        lines.append(f"echo {quote(told)} >&2")
        lines += [f"{line} || failed=1" for line in recall.lines(batch)]
    lines += ['test "$failed" = 0 || echo "some were refused" >&2', 'exit "$failed"']
    return RecallScript(site.site, "\n".join(lines) + "\n", len(files), size, len(batches))


def _comment(text: str) -> str:
    return "# " + " ".join(text.split())
