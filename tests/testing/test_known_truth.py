"""The written files say what truth.json says; plain numpy, never the rooms under test."""

import netCDF4
import numpy as np
import pytest

LATEST = "gn/v20210101/*.nc"
TAS = [
    "AUTAN-CM2.historical.r1i1p1f1",
    "AUTAN-CM2.ssp585.r1i1p1f1",
    "BORA-ESM1.piControl.r1i1p1f1",
    "BORA-ESM1.abrupt-4xCO2.r1i1p1f1",
    "BORA-ESM1.1pctCO2.r1i1p1f1",
    "BORA-ESM1.historical.r1i1p1f1",
    "BORA-ESM1.historical.r2i1p1f1",
    "BORA-ESM1.ssp585.r1i1p1f1",
    "BORA-ESM1.ssp585.r2i1p1f1",
    "CIERZO-1-0.historical.r1i1p1f2",
    "CIERZO-1-0.ssp585.r1i1p1f2",
]


def pattern(run, table, variable, version=LATEST):
    return f"CMIP6/*/DEMO/{run.replace('.', '/')}/{table}/{variable}/{version}"


def area_of(field, run):
    return field(f"CMIP6/*/DEMO/{run.split('.')[0]}/**/areacella_*.nc", "areacella")


@pytest.mark.parametrize("run", TAS)
def test_global_mean_temperature(run, read, annual, field, truth):
    values, days, first = read(pattern(run, "Amon", "tas"), "tas")
    told = truth["global_mean"][run]
    assert told["years"][0] == first
    assert annual(values, days, area_of(field, run)) == pytest.approx(told["tas"], rel=1e-9)


def test_every_run_of_the_small_archive_is_held_against_the_truth(truth):
    assert sorted(truth["global_mean"]) == sorted(TAS)


@pytest.mark.parametrize("experiment", ["piControl", "abrupt-4xCO2"])
def test_net_flux_at_the_top_of_the_atmosphere(experiment, read, annual, field, truth):
    run = f"BORA-ESM1.{experiment}.r1i1p1f1"
    flux = {}
    for name in ("rsdt", "rsut", "rlut"):
        values, days, _ = read(pattern(run, "Amon", name), name)
        assert values.min() >= 0.0
        flux[name] = annual(values, days, area_of(field, run))
    net = flux["rsdt"] - flux["rsut"] - flux["rlut"]
    assert net == pytest.approx(
        truth["global_mean"][run]["toa_net"], abs=truth["tolerance"]["toa_net"]
    )


def test_gregory_regression_of_the_files_finds_the_sensitivity(read, annual, field, truth):
    series = {}
    for experiment in ("piControl", "abrupt-4xCO2"):
        run = f"BORA-ESM1.{experiment}.r1i1p1f1"
        made = {}
        for name in ("tas", "rsdt", "rsut", "rlut"):
            values, days, _ = read(pattern(run, "Amon", name), name)
            made[name] = annual(values, days, area_of(field, run))
        series[experiment] = (made["tas"], made["rsdt"] - made["rsut"] - made["rlut"])
    control = [np.polyfit(np.arange(170), values, 1) for values in series["piControl"]]
    parallel = truth["branch"]["BORA-ESM1.abrupt-4xCO2.r1i1p1f1"]["parent_year"] - 1
    years = np.arange(150) + parallel
    warming, flux = (
        values - np.polyval(line, years)
        for values, line in zip(series["abrupt-4xCO2"], control, strict=True)
    )
    slope, forcing = np.polyfit(warming, flux, 1)
    exact = truth["gregory"]["BORA-ESM1.abrupt-4xCO2.r1i1p1f1"]
    assert -forcing / slope / 2 == pytest.approx(exact["ecs"], rel=1e-5)
    assert -slope == pytest.approx(exact["lambda"], rel=1e-5)
    assert -forcing / slope / 2 == pytest.approx(
        truth["models"]["BORA-ESM1"]["ecs"], rel=truth["tolerance"]["ecs_relative"]
    )


def test_precipitation_is_positive_and_grows_by_two_percent_a_kelvin(read, annual, field, truth):
    run = "AUTAN-CM2.ssp585.r1i1p1f1"
    values, days, _ = read(pattern(run, "Amon", "pr"), "pr")
    assert values.min() >= 0.0
    told = truth["global_mean"][run]
    made = annual(values, days, area_of(field, run))
    assert made == pytest.approx(told["pr"], rel=1e-7)
    warming = told["tas"][-1] - told["tas"][0]
    assert made[-1] / made[0] - 1 == pytest.approx(0.02 * warming, rel=0.05)


def test_sea_surface_on_its_own_areas(read, annual, field, truth):
    run = "AUTAN-CM2.historical.r1i1p1f1"
    values, days, _ = read(pattern(run, "Omon", "tos"), "tos")
    area = field("CMIP6/**/areacello_*.nc", "areacello")
    assert np.array_equal(np.ma.getmaskarray(values[0]), np.ma.getmaskarray(area))
    assert annual(values, days, area) == pytest.approx(truth["global_mean"][run]["tos"], rel=1e-8)


def test_warming_has_the_shape_of_the_pattern(read, field, truth):
    run = "BORA-ESM1.ssp585.r1i1p1f1"
    values, _, _ = read(pattern(run, "Amon", "tas"), "tas")
    change = values[-240:].mean(axis=0) - values[:240].mean(axis=0)
    land = field("CMIP6/**/sftlf_fx_BORA*.nc", "sftlf") / 100.0
    lat = field("CMIP6/**/sftlf_fx_BORA*.nc", "lat")[:, None]
    shape = truth["warming_pattern"]
    raw = shape["base"] + shape["land"] * land
    raw = raw + shape["arctic"] * np.exp(-(((lat - 90) / shape["width"]) ** 2))
    raw = raw - shape["southern"] * np.exp(-(((lat + 58) / 14) ** 2)) * (1 - land)
    assert np.corrcoef(raw.ravel(), change.ravel())[0, 1] > 0.97


def test_months_of_the_days_are_the_months(read):
    run = "BORA-ESM1.historical.r1i1p1f1"
    days, _, _ = read(pattern(run, "day", "tas"), "tas")
    months, _, _ = read(pattern(run, "Amon", "tas"), "tas")
    assert len(days) == 5 * 365
    for month, first, last in ((0, 0, 31), (6, 181, 212)):
        difference = abs(days[first:last].mean(axis=0) - months[month - 60]).filled()
        assert difference.mean() < 0.1
        assert np.percentile(difference, 99) < 0.4


def test_rain_of_the_days(read, field, truth):
    run = "BORA-ESM1.historical.r1i1p1f1"
    days, _, first = read(pattern(run, "day", "pr"), "pr")
    assert days.min() == 0.0
    area = area_of(field, run)
    daily = np.asarray((days * area).sum(axis=(1, 2)) / area.sum())
    told = truth["global_mean"][run]
    place = told["years"].index(first)
    assert daily.reshape(5, 365).mean(axis=1) == pytest.approx(
        told["pr"][place : place + 5], rel=1e-6
    )


def test_the_older_version_is_shorter_and_too_warm(read, truth):
    run = "BORA-ESM1.historical.r1i1p1f1"
    told = truth["versions"][f"{run}.Amon.tas"]
    latest, _, _ = read(pattern(run, "Amon", "tas"), "tas")
    older, _, _ = read(pattern(run, "Amon", "tas", f"gn/{told['older']}/*.nc"), "tas")
    assert len(older) == 12 * told["older_years"] < len(latest)
    shift = older - latest[: len(older)]
    assert shift.mean() == pytest.approx(told["older_offset"], abs=1e-3)


def test_regional_domain_mean(read, annual, truth):
    for experiment in ("historical", "rcp85"):
        values, days, first = read(f"CORDEX/**/{experiment}/**/tas_*.nc", "tas")
        told = truth["domain_mean"][f"{truth['regional']['name']}.{experiment}.tas"]
        rlat = -23.21 + 0.44 * np.arange(103)
        edges = np.deg2rad(np.stack([rlat - 0.22, rlat + 0.22]))
        area = np.repeat((np.sin(edges[1]) - np.sin(edges[0]))[:, None], 106, axis=1)
        assert told["years"][0] == first
        assert annual(values, days, area) == pytest.approx(told["tas"], rel=1e-8)


def interpolated(values, lat, lon, to_lat, to_lon):
    """Interpolate by columns, then rows, unlike the package, which gathers four cells."""
    wide = np.concatenate([values, values[..., :1]], axis=-1)
    step = lon[1] - lon[0]
    place = ((to_lon - lon[0]) % 360) / step
    west = np.minimum(place.astype(int), len(lon) - 1)
    row = np.clip(np.searchsorted(lat, to_lat) - 1, 0, len(lat) - 2)
    part = (to_lat - lat[row]) / (lat[row + 1] - lat[row])

    def along(rows):
        return wide[rows, west] + (place - west) * (wide[rows, west + 1] - wide[rows, west])

    return along(row) + part * (along(row + 1) - along(row))


def test_the_regional_model_adds_what_the_truth_says(root, read, truth):
    driven, _, _ = read("CORDEX/**/rcp85/**/tas_*_203101-204012.nc", "tas")
    driver, _, _ = read("CMIP6/**/AUTAN-CM2/ssp585/r1i1p1f1/Amon/tas/**/*.nc", "tas")
    with netCDF4.Dataset(next(root.glob("CORDEX/**/tas_*_203101-204012.nc"))) as dataset:
        to_lat, to_lon = dataset["lat"][:].filled(), dataset["lon"][:].filled()
        weights = np.cos(np.deg2rad(dataset["rlat"][:]))[:, None] * np.ones(to_lat.shape)
    with netCDF4.Dataset(next(root.glob("CMIP6/**/areacella_fx_AUTAN*.nc"))) as dataset:
        lat, lon = dataset["lat"][:].filled(), dataset["lon"][:].filled()
    added = truth["regional"]["added"]["tas"]["monthly"]
    for month in (0, 5, 7):
        from_driver = interpolated(driver[16 * 12 + month].filled(), lat, lon, to_lat, to_lon)
        difference = np.average(driven[month] - from_driver, weights=weights)
        assert difference == pytest.approx(added[month], abs=1e-4)


def test_the_budgets_of_the_native_run_close(root, truth):
    paths = sorted(root.glob("IGCM_OUT/**/Output/MO/*_histmth.nc"))
    told = truth["libigcm"]
    assert [int(path.name.split("_")[1][:4]) for path in paths] == [2012, 2013, 2014]
    for path in paths:
        with netCDF4.Dataset(path) as dataset:
            area = dataset["aire"][:].astype(np.float64)
            days = np.diff(dataset["time_counter_bounds"][:], axis=1)[:, 0]
            mean = {
                name: np.average(
                    (dataset[name][:] * area).sum(axis=(1, 2)) / area.sum(), weights=days
                )
                for name in dataset.variables
                if dataset[name].ndim == 3
            }
        top = mean["SWdnTOA"] - mean["SWupTOA"] - mean["topl"]
        surface = mean["SWdnSFC"] - mean["SWupSFC"] + mean["LWdnSFC"] - mean["LWupSFC"]
        surface += mean["sens"] + mean["flat"]
        assert surface == pytest.approx(top, abs=1e-5)
        year = told["years"].index(int(path.name.split("_")[1][:4]))
        assert top == pytest.approx(told["global_mean"]["toa_net"][year], abs=1e-5)
        for name, value in mean.items():
            assert value == pytest.approx(told["global_mean"][name][year], rel=1e-6, abs=1e-6)
        assert mean["flat"] < 0 < mean["cldt"] < 1


def test_native_series_and_seasons_agree(root, read, truth):
    told = truth["libigcm"]
    series, _, first = read("IGCM_OUT/**/TS_MO/*_t2m.nc", "t2m")
    seasons, _, _ = read("IGCM_OUT/**/ATM/Analyse/SE/*_histmth.nc", "t2m")
    begin, end = told["season_years"]
    part = series[12 * (begin - first) : 12 * (end + 1 - first)]
    assert abs(part.reshape(-1, 12, *part.shape[1:]).mean(axis=0) - seasons).max() < 0.1
    tos, _, first = read("IGCM_OUT/**/OCE/Analyse/TS_MO/*_tos.nc", "tos")
    assert first == told["series_years"][0]
    assert np.ma.is_masked(tos)
    assert -3 < tos.min() < tos.max() < 40


def test_observations(read, annual, field, truth):
    values, days, first = read("obs4MIPs/**/tas_*.nc", "tas")
    told = truth["observations"]["DEMO-OBS-1-0.tas"]
    edges = np.deg2rad(field("obs4MIPs/**/tas_*.nc", "lat_bnds"))
    area = np.repeat((np.sin(edges[:, 1]) - np.sin(edges[:, 0]))[:, None], 72, axis=1)
    assert told["years"][0] == first
    assert annual(values, days, area) == pytest.approx(told["tas"], rel=1e-7)


def test_what_the_truth_says_of_the_models(truth):
    for name, model in truth["models"].items():
        assert model["ecs"] == pytest.approx(model["F2x"] / model["lambda"]), name
        assert model["F4x"] == 2 * model["F2x"]
        assert 0.4 * model["ecs"] < model["tcr"] < model["ecs"]
        assert model["physics"]["p1"]["ecs"] == model["ecs"]
