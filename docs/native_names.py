"""Write `reference/native-names.md` from the tables of `catalogs/variables`.

python docs/native_names.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from climeri_platform.catalog.native import native_table, native_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from climeri_platform.catalog.native import NativeVariable

PAGE = Path(__file__).with_name("reference") / "native-names.md"
HEAD = """\
# Native names

How variables of native output become those of CMIP when they are opened: value in CMIP's units = factor x value +
offset. This page is made of `catalogs/variables/*.yaml` by `python docs/native_names.py`; why the rows are as they are
is in [007](../design/007-native-names.md).

The units that a file states go before those of the table: a cloud cover that is in % already is left alone. Where the
table has no units, only a file that states them is translated. What a variable has been is in its attributes
`native_name`, `native_units`, `native_factor` and `native_offset`. A name that is not here stays as it is.
"""
COLUMNS = ("component", "native name", "CMIP", "streams", "native units", "factor", "offset")
COLUMNS += ("CMIP units", "positive", "source")


def _row(name: str, row: NativeVariable, source: str) -> Iterator[str]:
    yield f"`{name}`"
    yield f"`{row.variable}`" + (f" ({row.basin})" if row.basin else "")
    yield ", ".join(row.streams) + (
        f" ({', '.join(row.frequencies)} only)" if row.frequencies else ""
    )
    yield row.units or "the file's"
    yield (f"{row.factor:.8g}" if row.units else "") + (f" ({row.note})" if row.note else "")
    yield f"{row.offset:.8g}" if row.offset else ""
    yield row.cmip.units
    theirs = row.cmip.positive or ""
    yield theirs if row.positive in (None, theirs) else f"{row.positive} to {theirs}"
    yield row.source or source


def page() -> str:
    """Return the text of the page."""
    parts = [HEAD]
    for table in native_tables():
        its = native_table(table)
        parts.append(f"\n## {table}\n\n")
        parts += [f"- {name}: {text}\n" for name, text in its.sources.items()]
        parts += ["\n", "| " + " | ".join(COLUMNS) + " |\n", "|---" * len(COLUMNS) + "|\n"]
        same: dict[int, str] = {}
        for name, component in its.components.items():
            if not component.variables:
                parts.append(f"| {name} | names are CMIP's |" + " |" * (len(COLUMNS) - 2) + "\n")
                continue
            if (first := same.setdefault(hash(repr(component)), name)) != name:
                parts.append(f"| {name} | as {first} |" + " |" * (len(COLUMNS) - 2) + "\n")
                continue
            parts += [
                f"| {name} | {' | '.join(_row(native, row, component.source))} |\n"
                for native, row in component.variables.items()
            ]
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
