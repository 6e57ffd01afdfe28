"""Datasets that a server gives by OPeNDAP, read through pydap.

An array is an address and a name: each read is one request, and nothing stays open. The protocol has no
word for a dataset that was replaced; a server that cuts an answer is told.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from climeri_platform.access.engines.header import Header, HeldArray, StoredVariable, is_small
from climeri_platform.access.engines.remote import asked, shown
from climeri_platform.access.engines.stored import read_part

if TYPE_CHECKING:
    from climeri_platform.access.engines.header import Key, StoredArray

__all__ = ["DapArray", "protocol_of", "read_header"]

_SCHEMES = re.compile(r"^(dap2|dap4)://", re.IGNORECASE)
_PROTECTED = re.compile(r'\\(["\\])')
# how THREDDS and Hyrax call what they give by OPeNDAP
_FOLDERS = {"dodsC": "dap2", "opendap": "dap2", "dap4": "dap4"}
_PATIENCE, _AT_ONCE = 120.0, 4  # seconds, and requests for small arrays
# what servers say of themselves, and not of the data
_OF_THE_SERVER = (
    "configuration",
    "invocation",
    "libdap",
    "bes",
    "build_dmrpp",
)
_OF_THE_PARSER = ("dimensions", "path", "Maps", "checksum", "_DAP4_Checksum_CRC32")


def protocol_of(address: str) -> str:
    """Return by which protocol an address is read: ``dap2``, ``dap4``, or nothing if by none.

    The scheme says it, or a folder of the server.

    Examples
    --------
    >>> protocol_of("dap4://data.example.org/tas.nc")
    'dap4'
    >>> protocol_of("https://data.example.org/thredds/dodsC/tas.nc")
    'dap2'
    >>> protocol_of("https://data.example.org/thredds/fileServer/tas.nc")
    ''
    """
    if found := _SCHEMES.match(address):
        return found[1].lower()
    if address.startswith(("http://", "https://")):
        for each in shown(address).split("/")[3:-1]:
            if each in _FOLDERS:
                return _FOLDERS[each]
    return ""


@dataclass(frozen=True, slots=True)
class DapArray:
    """An array of a server.

    Attributes
    ----------
    address
        Of the dataset: it may hold credentials, and is not shown.
    protocol
        ``dap2`` or ``dap4``.
    name
        What the server calls it.
    shape, stored
        Its shape, and its type there.
    """

    address: str = field(repr=False)
    protocol: str
    name: str
    shape: tuple[int, ...]
    stored: np.dtype[Any]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its numbers in memory."""
        return self.stored.newbyteorder("=")

    def read(self, key: Key) -> np.ndarray[Any, Any]:
        """Return part of it."""
        return read_part(self, key)

    def fill_in(self, ranges: list[range], found: np.ndarray[Any, Any]) -> None:
        """Put the numbers at some places of each dimension into an array."""
        part = tuple(slice(each.start, each.stop, each.step) for each in ranges)
        found[...] = asked(self.address, lambda: self._part(part)).reshape(found.shape)

    def _part(self, part: tuple[slice, ...]) -> np.ndarray[Any, Any]:
        from pydap.handlers.dap import BaseProxyDap2, BaseProxyDap4

        kind = BaseProxyDap4 if self.protocol == "dap4" else BaseProxyDap2
        known = (_endpoint(self.address), self.name, self.stored, self.shape)
        return np.asarray(kind(*known, timeout=_PATIENCE, user_charset="utf-8")[part])


def read_header(address: str) -> Header:
    """Read what a server says of a dataset, and the numbers of its small variables.

    Parameters
    ----------
    address
        Of the dataset, without ``.dds``, ``.html`` and the like.

    Returns
    -------
    Header
        Of its top level: sequences, structures and groups are left out.

    Raises
    ------
    FileUnreadable
        If the server does not answer, or with something else.
    MissingExtra
        If pydap is not installed.
    """
    protocol = protocol_of(address)
    dataset = asked(address, lambda: _described(address, protocol))
    variables = dict(_variables(address, protocol, dataset))
    sizes: dict[str, int] = {}
    for each in variables.values():
        sizes.update(zip(each.dims, each.array.shape, strict=True))
    attrs = dict(dataset.attributes)
    # the name of what may grow stands among them
    unlimited = frozenset({attrs.pop("Unlimited_Dimension", None)} & sizes.keys())
    return Header(sizes, unlimited, _visible(attrs), variables)


def _endpoint(address: str) -> str:
    return _SCHEMES.sub("https://", address)


def _described(address: str, protocol: str) -> Any:
    from pydap.handlers.dap import DAPHandler

    handler = DAPHandler(
        _endpoint(address),
        protocol=protocol,
        output_grid=False,
        timeout=_PATIENCE,
        user_charset="utf-8",
    )
    return handler.dataset


def _variables(address: str, protocol: str, dataset: Any) -> list[tuple[str, StoredVariable]]:
    from pydap.lib import unquote
    from pydap.model import BaseType, GridType

    found = []
    for name, each in dataset.items():
        own = each.array if isinstance(each, GridType) else each
        if not isinstance(own, BaseType):
            continue
        known = each.dimensions if isinstance(each, GridType) else own.dims
        dims = tuple(str(dim).rsplit("/", 1)[-1] for dim in known)
        # of a grid the server has the attributes, and not of its array
        attrs = _visible({**own.attributes, **each.attributes})
        array = DapArray(address, protocol, own.id, tuple(own.shape), np.dtype(own.dtype))
        for word in {"_FillValue", "missing_value"} & attrs.keys():
            if array.dtype.kind in "iuf":  # pydap has lost the type: 1e20 as a double is no float32
                attrs[word] = np.asarray(attrs[word]).astype(array.dtype)[()]
        found.append((unquote(name), dims, attrs, array))
    with ThreadPoolExecutor(_AT_ONCE) as together:
        held = list(together.map(_held, (array for *_, array in found)))
    source = shown(address)
    return [
        (
            name,
            StoredVariable(dims, attrs, array, {"source": source, "original_shape": array.shape}),
        )
        for (name, dims, attrs, _), array in zip(found, held, strict=True)
    ]


def _held(array: DapArray) -> StoredArray:
    text = array.stored.kind in "SUO"
    if not (text or is_small(array.shape, array.stored.itemsize)):
        return array
    everything = tuple(slice(0, each, 1) for each in array.shape)
    values = asked(array.address, lambda: array._part(everything)).reshape(array.shape)  # noqa: SLF001 - ours
    if not text:
        return HeldArray(values.astype(array.dtype))
    texts = [
        each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each)
        for each in values.ravel()
    ]
    return HeldArray(np.array(texts, np.str_).reshape(array.shape))


def _visible(attrs: dict[str, Any]) -> dict[str, Any]:
    """Return attributes as files have them: numbers of one type, and nothing of the server."""
    hidden = {*_OF_THE_SERVER, *_OF_THE_PARSER}
    return {
        name: _plain(value)
        for name, value in attrs.items()
        if name not in hidden and not isinstance(value, dict)
    }


def _plain(value: Any) -> Any:
    if isinstance(value, str):  # pydap leaves in what protects quotes
        return _PROTECTED.sub(r"\1", value)
    if isinstance(value, list):
        return np.asarray(value) if _numbers(value) else [_plain(each) for each in value]
    return value


def _numbers(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(each, int | float) for each in values)
