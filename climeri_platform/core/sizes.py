"""Numbers of bytes, as people write them."""

from __future__ import annotations

__all__ = ["size_text"]


def size_text(count: float) -> str:
    """Return a number of bytes as people write it.

    Examples
    --------
    >>> size_text(1234567)
    '1.2 MB'
    """
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
