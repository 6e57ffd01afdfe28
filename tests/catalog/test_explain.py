"""Names of other archive families, wrong cases and near misses are translated in the hint."""

from __future__ import annotations

import polars as pl
import pytest

from climeri_platform.catalog import CatalogView, build_catalog, load_family
from climeri_platform.catalog.explain import translate_value, unknown_facet
from climeri_platform.catalog.facets import FACETS_TABLE, facet_table
from climeri_platform.core.errors import UnknownFacet, UnknownValue

CMIP5 = (
    "output1/IPSL/IPSL-CM5A-LR/rcp85/mon/atmos/Amon/r1i1p1/v20110101/tas/"
    "tas_Amon_IPSL-CM5A-LR_rcp85_r1i1p1_200601-210012.nc"
)


@pytest.fixture
def store(plant, tas, tmp_path):
    store = tmp_path / "store"
    build_catalog("CMIP6", plant([tas(), tas("ssp585", span="201501-210012")]), store=store)
    build_catalog("CMIP5", plant([CMIP5], root="CMIP5"), store=store)
    return store


@pytest.mark.parametrize(
    ("catalog", "facet", "said"),
    [
        ("CMIP6", "ensemble", "CMIP5's ensemble is member_id in CMIP6."),
        ("CMIP5", "member_id", "CMIP6's member_id is ensemble in CMIP5."),
        ("CMIP5", "institution_id", "is institute in CMIP5."),
        ("CMIP6", "rcm_model", "CORDEX's rcm_model is source_id in CMIP6."),
        ("obs4MIPs", "table_id", "no facet of obs4MIPs: ask for the frequency."),
        ("CMIP6", "experimnt", "Did you mean experiment"),
    ],
)
def test_facets_of_other_families(catalog, facet, said):
    told = unknown_facet(load_family(catalog), facet)
    assert isinstance(told, UnknownFacet)
    assert repr(facet) in told.message
    assert said in told.hint


@pytest.mark.parametrize(
    ("catalog", "asked", "said"),
    [
        ("CMIP6", {"experiment": "rcp85"}, "In CMIP6 that is ssp585."),
        ("CMIP5", {"experiment": "ssp585"}, "In CMIP5 that is rcp85."),
        ("CMIP6", {"member": "r1i1p1"}, "In CMIP6 that is r1i1p1f1."),
        ("CMIP6", {"variable": "tas_tavg-h2m-hxy-u"}, "In CMIP6 that is tas."),
        ("CMIP6", {"model": "IPSL-CM6-LR"}, "Did you mean IPSL-CM6A-LR?"),
        ("CMIP6", {"model": "ipsl-cm6a-lr"}, "Did you mean IPSL-CM6A-LR?"),
        ("CMIP5", {"frequency": "Amon"}, "frequency=mon."),
        ("CMIP6", {"version": "latest"}, "leave the version out"),
    ],
)
def test_values_of_other_families(store, catalog, asked, said):
    with pytest.raises(UnknownValue) as refused:
        CatalogView.open(catalog, store).search(**asked)
    assert said in refused.value.hint


@pytest.mark.parametrize(
    ("value", "known", "meant"),
    [
        ("tas", ["tas_tavg-h2m-hxy-u", "tas_tmax-h2m-hxy-u"], ["tas_tavg-h2m-hxy-u"]),
        ("tasmin", ["tas_tavg-h2m-hxy-u", "tas_tminavg-h2m-hxy-u"], ["tas_tminavg-h2m-hxy-u"]),
        ("tas_tmax-h2m-hxy-u", ["tas", "tasmax"], ["tasmax"]),
        ("r1i1p1", ["r1i1p1f3", "r1i1p11f1"], ["r1i1p1f3"]),
        ("tas", ["tasf1"], []),
        ("abrupt4xCO2", ["abrupt-4xCO2"], ["abrupt-4xCO2"]),
        ("nothing", ["tas"], []),
    ],
)
def test_translations(value, known, meant):
    assert translate_value(value, known) == meant


def test_an_empty_answer_names_the_nearest_first(plant, tas, tmp_path):
    paths = [tas().replace("tas", f"v{n}") for n in range(9)] + [
        tas("ssp585", span="201501-210012")
    ]
    build_catalog("CMIP6", plant(paths), store=tmp_path / "store")
    view = CatalogView.open("CMIP6", tmp_path / "store")
    why = view.search(experiment="historical", variable="tas").why_empty()
    assert "without experiment_id=historical there is ssp585" in why
    assert "without variable_id=tas there is v0, " in why
    assert "and 3 more" in why


def test_a_table_of_facets_beside_the_others_is_what_is_counted(store):
    view = CatalogView.open("CMIP6", store)
    counted = facet_table(view.snapshot.scan("CMIP6", "datasets"), view.family.facets)
    rows = [(f, v, n) for f, values in view.facets().items() for v, n in values.items()]
    assert counted.rows() == rows
    more = counted.with_columns(datasets=pl.col("datasets") + 10)
    more.write_parquet(view.snapshot.folder / "CMIP6" / FACETS_TABLE)
    moved = CatalogView.open("CMIP6", store.rename(store.with_name("moved")))
    assert moved.facets("variable") == {"variable_id": {"tas": 12}}
    assert moved.search(variable="tas").facets("variable") == {"variable_id": {"tas": 2}}
    (moved.snapshot.folder / "CMIP6" / FACETS_TABLE).write_bytes(b"PAR1")
    again = CatalogView.open("CMIP6", moved.snapshot.store.rename(store.with_name("again")))
    assert again.facets() == view.facets()
