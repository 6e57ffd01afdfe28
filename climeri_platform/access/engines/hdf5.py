"""NetCDF-4 files: by a reader of our own, and by the HDF5 library where that does not know them.

Headers are read by `access.engines.hdf5_metadata`, beside other threads, and how chunks become numbers
is `access.engines.stored`. What the one does not know is asked of h5py's lowest layer, one thread at a
time; what the other does not know (other filters than deflate and shuffle) is read by h5py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.access.engines import hdf5_library, hdf5_metadata
from climeri_platform.access.engines.hdf5_bytes import Unusual
from climeri_platform.access.engines.stored import FileStamp, Source

if TYPE_CHECKING:
    import os

    from climeri_platform.access.engines.header import Header

__all__ = ["read_header"]


def read_header(place: str | os.PathLike[str] | Source) -> Header:
    """Read the header of a NetCDF-4 file, and the numbers of its small variables.

    Parameters
    ----------
    place
        A local file, or what gives the bytes of another one.

    Returns
    -------
    Header
        Of its top level: groups are left out.

    Raises
    ------
    FileUnreadable
        If it is damaged, was replaced, or cannot be read.
    OSError, ValueError, KeyError
        If there is none; if it is no NetCDF, or only the library finds that it is damaged.
    """
    source = place if isinstance(place, Source) else FileStamp.of(place)
    try:
        return hdf5_metadata.read_header(source)
    except Unusual:
        return hdf5_library.read_header(source)
