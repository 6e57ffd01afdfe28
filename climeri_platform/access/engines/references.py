"""kerchunk references: a Zarr store whose chunks lie in other files, told by JSON or Parquet.

References in JSON are read at once. Those in Parquet may be millions: a record of them is read when a chunk
in it is asked for. fsspec reads them too, but takes a record that it cannot read for missing values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from io import BytesIO
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from climeri_platform.access.engines.remote import RemoteFile, asked, is_address, shown
from climeri_platform.core.errors import FileUnreadable

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DOCUMENTS", "IN_PARQUET", "described_by", "open_references"]

DOCUMENTS = ("zarr.json", ".zmetadata", ".zgroup")
IN_PARQUET = (".parq", ".parquet")  # how folders of references are called
_RECORDS = 64  # that are kept in memory, of some 10,000 references each
_AGAIN = "Compare it with its origin, and fetch it again."


def described_by(place: str) -> str:
    """Return the file that says what the references are."""
    there = place.rstrip("/")
    return f"{there}/.zmetadata" if there.endswith(IN_PARQUET) else there


def open_references(place: str) -> Any:
    """Open references as a store of the zarr library.

    Parameters
    ----------
    place
        A file of JSON or a folder of Parquet; a path, or an address.

    Returns
    -------
    zarr.storage.FsspecStore
        It reads the files that are referred to, wherever they are.

    Raises
    ------
    FileUnreadable
        If these are no references, or damaged.
    """
    from fsspec.implementations.reference import ReferenceFileSystem
    from zarr.storage import FsspecStore

    name = shown(place) if is_address(place) else place
    said = _said(described_by(place), name)
    in_records = described_by(place) != place.rstrip("/")
    refs = said.get("metadata" if in_records else "refs", said)
    if not any(each in refs for each in DOCUMENTS):
        raise FileUnreadable(
            f"{name}: JSON, and no kerchunk references",
            hint="References have the documents of a Zarr store (.zgroup, zarr.json) among their keys.",
        )
    system = ReferenceFileSystem(
        fo={} if in_records else said, fs=_Systems(), asynchronous=True, skip_instance_cache=True
    )
    system.fss = _Systems()  # fsspec knows the file system of the first reference only
    if in_records:
        system.references = _Records(place.rstrip("/"), name, said)
    return FsspecStore(system, read_only=True, path="")


def _said(place: str, name: str) -> dict[str, Any]:
    try:
        found = json.loads(_content(place))
    except ValueError as problem:
        raise FileUnreadable(f"{name}: damaged JSON: {problem}", hint=_AGAIN) from None
    return found if isinstance(found, dict) else {}


def _content(place: str) -> bytes:
    if not is_address(place):
        return Path(place).read_bytes()
    file = RemoteFile.of(place)
    with file.opened() as handle:
        return file.bytes_at(handle, 0, file.size)


class _Systems(dict[str | None, Any]):
    """The file systems of what is referred to, as they are needed."""

    def __missing__(self, protocol: str | None) -> Any:
        from fsspec import filesystem, get_filesystem_class
        from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper

        kind = protocol or "file"
        if get_filesystem_class(kind).async_impl:
            found = filesystem(kind, asynchronous=True)
        else:
            found = AsyncFileSystemWrapper(filesystem(kind), asynchronous=True)
        return self.setdefault(protocol, found)


class _Records(Mapping[str, Any]):
    """References in Parquet: for each array files of so many rows, one for each chunk."""

    def __init__(self, place: str, name: str, said: dict[str, Any]) -> None:
        self.place, self.name, self.size = place, name, int(said["record_size"])
        self.documents = {key: json.dumps(each).encode() for key, each in said["metadata"].items()}
        said = {"zarr_consolidated_format": 1, "metadata": said["metadata"]}
        self.documents[".zmetadata"] = json.dumps(said).encode()
        self.grids = {
            key.removesuffix("/.zarray"): [
                -(-size // chunk) for size, chunk in zip(each["shape"], each["chunks"], strict=True)
            ]
            for key, each in said["metadata"].items()
            if key.endswith("/.zarray")
        }
        self.record = lru_cache(_RECORDS)(self._record)

    def __iter__(self) -> Iterator[str]:
        return iter(self.documents)

    def __len__(self) -> int:
        return len(self.documents)

    def __getitem__(self, key: str) -> Any:
        if key in self.documents:
            return self.documents[key]
        array, _, chunk = key.rpartition("/")
        if array not in self.grids or chunk.startswith("."):
            raise KeyError(key)
        grid = self.grids[array]
        at = [int(each) for each in chunk.split(".")] if grid else []
        number = sum(each * prod(grid[axis + 1 :]) for axis, each in enumerate(at))
        rows = self.record(array, number // self.size)
        if rows is None:
            raise KeyError(key)
        row = rows.row(number % self.size, named=True)
        if row.get("raw") is not None:
            return row["raw"]
        if row["path"] is None:  # a chunk that was never written
            raise KeyError(key)
        whole = not row["offset"] and not row["size"]
        return [row["path"]] if whole else [row["path"], row["offset"], row["size"]]

    def _record(self, array: str, number: int) -> pl.DataFrame | None:
        """Return some references; none where no chunk of the record was ever written."""
        import polars as pl
        from fsspec.core import url_to_fs

        place = f"{self.place}/{array}/refs.{number}.parq"

        def read() -> bytes:
            system, path = url_to_fs(place)
            data: bytes = system.cat_file(path)
            return data

        try:
            data = asked(place, read)
        except FileUnreadable as told:
            if "No such file" in told.message:
                return None
            raise
        try:
            return pl.read_parquet(BytesIO(data)).cast({"path": pl.String})
        except pl.exceptions.PolarsError as problem:
            raise FileUnreadable(
                f"{self.name}: the references {array}/refs.{number}.parq are damaged: {problem}",
                hint=_AGAIN,
            ) from None
