"""Real listings of real archives: what parses, and what is refused, counted by reason."""

from __future__ import annotations

import csv
import gzip
from collections import Counter

import polars as pl
import pytest

from climeri_platform.catalog import load_family
from climeri_platform.catalog.family import Rejected
from climeri_platform.catalog.parsing import Parser

pytestmark = pytest.mark.real_data


def text_of(path):
    opened = gzip.open if path.suffix == ".gz" else open
    return opened(path, "rt", encoding="utf-8", newline="")


def lines(path):
    """Paths of a manifest: the last words of the lines, addresses of servers without the server."""
    with text_of(path) as listing:
        for line in listing:
            yield line.split(" ")[0].strip().partition("://")[2] or line.split(" ")[0].strip()


def rows(path):
    with text_of(path) as listing:
        reader = csv.reader(listing)
        column = next(reader).index("path")
        for row in reader:
            yield row[column]


def tree(path):
    return (str(each) for each in sorted(path.rglob("*.nc")))


def outcome(family, paths):
    """Count what parses and what is refused; a directory is parsed once."""
    rules = load_family(family)
    places = {}
    counts, refused = Counter(), []
    for path in paths:
        directory, _, name = path.rpartition("/")
        place = places.get(directory)
        if place is None:
            try:
                place = rules.parse_directory(tuple(directory.split("/")))
            except Rejected as no:
                place = no
            places[directory] = place
        try:
            if isinstance(place, Rejected):
                raise place
            rules.parse_name(name, place)
        except Rejected as no:
            counts[no.code] += 1
            refused.append((no.code, no.reason, path))
        else:
            counts["parsed"] += 1
    return dict(counts), refused


C3S = "c3s-manifests/intake/catalogs"
LISTINGS = [
    # REMO closes the names of 26 fixed fields with the member
    (
        "CORDEX",
        lines,
        "c3s-manifests/cordex/DKRZ_manifest_C3S_CORDEX_20250709.txt.gz",
        {"parsed": 586_331, "name": 26},
    ),
    # 58 fixed fields of GFDL and EC-EARTH put the realm before the table
    (
        "CMIP5",
        lines,
        "c3s-manifests/cmip5/C3S-CMIP5-ipsl-20240716.txt.gz",
        {"parsed": 174_164, "name": 58},
    ),
    (
        "CMIP5",
        lines,
        "c3s-manifests/cmip5/c3s-cmip5-dkrz-20240716.txt.gz",
        {"parsed": 174_167, "name": 58},
    ),
    ("CMIP5", rows, f"{C3S}/c3s-cmip5/c3s-cmip5_v20240711.csv.gz", {"parsed": 171_687}),
    ("CMIP6", rows, f"{C3S}/c3s-cmip6/c3s-cmip6_v20231114.csv.gz", {"parsed": 133_152}),
    ("CMIP6", rows, f"{C3S}/c3s-cmip6/c3s-cmip6_v20250829.csv.gz", {"parsed": 132_998}),
    (
        "CMIP6",
        rows,
        f"{C3S}/c3s-cmip6-decadal/c3s-cmip6-decadal_v20230620.csv.gz",
        {"parsed": 128_650},
    ),
    # no level for a version (400); another table in the name than in the directory (14); three files of IPSL end
    # before they start
    (
        "CMIP5",
        rows,
        "ncar-catalogs/catalogs/glade-cmip5.csv.gz",
        {"parsed": 398_504, "directory": 400, "contradiction": 14, "time range": 3},
    ),
    # no version (10); a file of fgo2 among those of fgco2
    (
        "CMIP5",
        rows,
        "ncar-catalogs/catalogs/mistral-MPI-GE.csv.gz",
        {"parsed": 67_773, "directory": 10, "contradiction": 1},
    ),
    # trees of several families at once; a zonal mean of somebody's own (_zm)
    ("CMIP6", tree, "mini-esgf/test_data/badc/cmip6", {"parsed": 74, "name": 1}),
    ("CMIP5", tree, "mini-esgf/test_data/badc/cmip5", {"parsed": 28}),
    ("CORDEX", tree, "mini-esgf/test_data/pool/data/CORDEX", {"parsed": 5}),
    ("CMIP6", tree, "esmvaltool-sample", {"parsed": 166}),
    ("CMIP6", tree, "intake-esm/tests/sample_data/cmip/CMIP6", {"parsed": 38}),
    ("CMIP5", tree, "intake-esm/tests/sample_data/cmip/cmip5", {"parsed": 2}),
    # single samples and the trees of other models are of no family
    ("CNRM", tree, "cnrm-native", {"name": 3}),
    ("CMIP6", tree, "access-nri", {"directory": 97}),
    ("libIGCM", tree, "nemo-native", {"directory": 87}),
    ("CMIP6", tree, "xclim", {"directory": 14}),
    ("CMIP6", tree, "xscen", {"directory": 11}),
    ("CMIP6", tree, "esmvalcore", {"directory": 8}),
    ("CMIP6", tree, "intake-esm/tests/sample_data/cesm-le", {"directory": 1}),
    ("CMIP6", tree, "intake-esm/tests/sample_data/mpi-ge", {"directory": 48}),
    ("CORDEX", tree, "mini-esgf/test_data/group_workspaces", {"parsed": 5}),
    ("CMIP6", rows, "ncar-catalogs/catalogs/aws-na-cordex.csv", {"directory": 330}),
    ("CMIP6", rows, "ncar-catalogs/catalogs/aws-dart-cam6.csv", {"directory": 11}),
]


@pytest.mark.parametrize(
    ("family", "read", "listing", "expected"),
    LISTINGS,
    ids=[f"{family}-{listing}" for family, _, listing, _ in LISTINGS],
)
def test_a_real_listing(real_data, family, read, listing, expected):
    counts, refused = outcome(family, read(real_data / listing))
    assert counts == expected, refused[:5]
    assert all(reason for _, reason, _ in refused)


@pytest.mark.parametrize(
    ("family", "read", "listing"),
    [each[:3] for each in LISTINGS],
    ids=[f"{family}-{listing}" for family, _, listing, _ in LISTINGS],
)
def test_reading_in_bulk_says_the_same_of_real_paths(real_data, family, read, listing):
    rules = load_family(family)
    every = list(read(real_data / listing))
    # neighbours, which share directories, from all over the listing
    paths = [
        path for at in range(0, len(every), len(every) // 100 + 10) for path in every[at : at + 10]
    ]
    taken, refused = Parser(rules, ()).parse(pl.Series(paths))
    said = [*rules.facets, "dataset", "time_range", "start", "end"]
    found = dict(zip(taken["at"], taken.select(said).iter_rows(), strict=True))
    found |= {at: (code, reason) for at, code, reason in refused.iter_rows()}
    for at, path in enumerate(paths):
        folder, _, name = path.rpartition("/")
        try:
            one = rules.parse_name(name, rules.parse_directory(tuple(folder.split("/"))))
        except Rejected as no:
            expected = (no.code, no.reason)
        else:
            start, end = (one.span.start, one.span.end) if one.span else (None, None)
            facets = tuple(one.facets.get(each) for each in rules.facets)
            key = rules.key(dict(one.facets))
            expected = (*facets, key, one.time_range, start, end)
        assert found[at] == expected


ATLAS = """
family: C3S-Atlas
title: The atlas of IPCC indices in the Climate Data Store
variable: variable
directories: [<project>/<experiment>]
files: ["<variable>_<project>_<experiment>_<frequency>[_<time_range>].nc"]
layouts:
  # observations have no experiment
  - directories: [<project>]
    files: ["<variable>_<project>_<frequency>[_<time_range>].nc"]
dataset: [project, experiment, frequency, variable]
optional: [experiment, version]
patterns: {project: '[A-Za-z0-9-]+', experiment: '[a-z0-9]+', frequency: 'mon|yr', variable: '[A-Za-z0-9]+'}
"""
LENS = """
family: CESM-LENS
title: The CESM1 large ensemble as Zarr stores
variable: variable
directories: [<component>/<frequency>]
files: [cesmLE-<experiment>-<variable>.nc]
dataset: [component, frequency, experiment, variable]
optional: [version]
patterns: {component: 'atm|ocn|lnd|ice_nh|ice_sh', frequency: 'daily|monthly|hourly6-\\d+-\\d+|static', experiment: '[A-Z0-9]+', variable: '\\w+'}
"""


@pytest.mark.parametrize(
    ("template", "read", "listing", "expected"),
    [
        (ATLAS, rows, f"{C3S}/c3s-atlas/c3s-ipcc-atlas_v20230323.csv.gz", {"parsed": 863}),
        (ATLAS, lines, "c3s-manifests/atlas_v1/manifest_cica_20231214.txt", {"parsed": 412}),
        # grid.zarr, twenty times, is of no experiment
        (
            ATLAS,
            lines,
            "c3s-manifests/atlas_v1/transfer_list_dkrz_cica_20231214.txt",
            {"parsed": 412},
        ),
        (ATLAS, lines, "c3s-manifests/atlas_v1/checksums_cica_ipsl_20231214.txt", {"parsed": 412}),
        (
            ATLAS,
            lines,
            "c3s-manifests/atlas_v1/c3s_atlas_v1_checksums_dkrz_20231214.txt",
            {"parsed": 412},
        ),
        (ATLAS, tree, "mini-esgf/test_data/pool/data/c3s-cica-atlas", {"parsed": 3}),
        (LENS, rows, "ncar-catalogs/catalogs/aws-cesm1-le.csv", {"parsed": 422, "name": 20}),
    ],
    ids=["catalog", "manifest", "transfers", "checksums-1", "checksums-2", "tree", "zarr"],
)
def test_a_tree_of_no_family_is_one_template(
    real_data, tmp_path, template, read, listing, expected
):
    path = tmp_path / "mine.yaml"
    path.write_text(template)
    counts, refused = outcome(path, read(real_data / listing))
    assert counts == expected, refused[:5]
