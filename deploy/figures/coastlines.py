"""Derive the coastlines of `climeri_platform.figures` from Natural Earth.

cartopy downloads its coastlines when they are first drawn, which fails on compute nodes and in
offline workshops. This writes `climeri_platform/figures/coastlines.json` from the land outlines of
the npm package world-atlas (TopoJSON), to be run again when a newer one is wanted:

    npm pack world-atlas@2.0.2 && tar xf world-atlas-2.0.2.tgz
    python deploy/figures/coastlines.py package/land-110m.json package/land-50m.json

The first file gives the outlines of world maps, the second those of regional ones. Lines are
simplified, tiny islands left out, and the artificial edges (180th meridian, 90 degrees south) cut.
Coordinates are whole hundredths of a degree, each line as a first point followed by steps.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from shapely import LineString

TARGET = Path(__file__).parents[2] / "climeri_platform" / "figures" / "coastlines.json"
SOURCE = "Natural Earth land, through the npm package world-atlas 2.0.2 (github.com/topojson)"
LICENCE = "Natural Earth: public domain; world-atlas: ISC, copyright 2013-2019 Michael Bostock"
# name: (tolerance in degrees, smallest island in degrees)
DETAIL = {"world": (0.0, 0.0), "region": (0.06, 0.3)}


def arcs_of(path: Path) -> list[np.ndarray]:
    """Decode the arcs of a TopoJSON file into longitudes and latitudes."""
    topology = json.loads(path.read_text(encoding="utf-8"))
    scale, offset = topology["transform"]["scale"], topology["transform"]["translate"]
    return [np.cumsum(arc, axis=0) * scale + offset for arc in topology["arcs"]]


def cut_at_date_line(line: np.ndarray) -> list[np.ndarray]:
    """Cut a line where it jumps from 180 to -180, and lead both ends to the border."""
    pieces, start = [], 0
    for step in np.flatnonzero(np.abs(np.diff(line[:, 0])) > 180):
        (lon, lat), (next_lon, next_lat) = line[step], line[step + 1]
        side = np.sign(lon)
        gap = (180 - abs(lon)) + (180 - abs(next_lon))
        share = (180 - abs(lon)) / gap if gap else 0.5
        crossing = lat + share * (next_lat - lat)
        pieces.append(np.vstack([line[start : step + 1], [side * 180, crossing]]))
        line[step] = [-side * 180, crossing]  # kept already: the next piece begins here
        start = step
    return [*pieces, line[start:]]


def without_edges(line: np.ndarray) -> list[np.ndarray]:
    """Cut a line where it follows the border of the map instead of a coast."""
    meridian = np.abs(line[:, 0]) > 179.98
    border = (meridian[1:] & meridian[:-1]) | ((line[1:, 1] < -89.9) | (line[:-1, 1] < -89.9))
    pieces = np.split(line, np.flatnonzero(border) + 1)
    return [piece for piece in pieces if len(piece) > 1]


def simplified(line: np.ndarray, tolerance: float, smallest: float) -> np.ndarray | None:
    """Return fewer points of a line, or None if it is the outline of a tiny island."""
    closed = bool(np.allclose(line[0], line[-1]))
    if closed and np.ptp(line, axis=0).max() < smallest:
        return None
    kept = np.asarray(LineString(line).simplify(tolerance).coords) if tolerance else line
    points = np.rint(kept * 100).astype(int)
    moved = np.r_[True, (np.diff(points, axis=0) != 0).any(axis=1)]
    return points[moved] if moved.sum() > 1 else None


def outlines(path: Path, tolerance: float, smallest: float) -> list[list[int]]:
    """Return lines as lon, lat, then steps in longitude and latitude, in hundredths of a degree."""
    parts = [part for arc in arcs_of(path) for part in cut_at_date_line(arc)]
    pieces = [piece for part in parts for piece in without_edges(part)]
    lines = [simplified(piece, tolerance, smallest) for piece in pieces]
    return [np.diff(line, axis=0, prepend=0).ravel().tolist() for line in lines if line is not None]


def main() -> None:
    """Read the two files named on the command line and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("world", type=Path, help="land-110m.json")
    parser.add_argument("region", type=Path, help="land-50m.json")
    parser.add_argument("--date", default=datetime.now(tz=UTC).date().isoformat())
    asked = parser.parse_args()
    originals = {"world": asked.world, "region": asked.region}
    table: dict[str, Any] = {
        "title": "Coastlines, in hundredths of a degree: longitude, latitude, then steps of both",
        "source": SOURCE,
        "licence": LICENCE,
        "derived": asked.date,
        "by": "deploy/figures/coastlines.py",
        "sha256": {n: hashlib.sha256(p.read_bytes()).hexdigest() for n, p in originals.items()},
    }
    head = json.dumps(table, indent=1)[:-2]
    parts = [head]
    for name, path in originals.items():
        lines = outlines(path, *DETAIL[name])
        rows = ",\n".join("  " + json.dumps(line, separators=(",", ":")) for line in lines)
        parts.append(f' "{name}": [\n{rows}\n ]')
        print(f"{name}: {len(lines)} lines, {sum(map(len, lines)) // 2} points")
    TARGET.write_text(",\n".join(parts) + "\n}\n", encoding="utf-8")
    print(f"{TARGET}: {TARGET.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
