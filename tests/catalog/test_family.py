"""Archive families: paths written by hand from the specifications, and the facets they must give."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from climeri_platform.catalog import family_names, load_family
from climeri_platform.catalog.family import Rejected
from climeri_platform.core.errors import UnknownFamily, UsageError


def parse(family, path):
    rules = load_family(family)
    *parts, name = path.split("/")
    return rules.parse_name(name, rules.parse_directory(tuple(parts)))


def facets(words, values):
    return dict(zip(words.split(), values.split(), strict=True))


CMIP6 = "activity_id institution_id source_id experiment_id member_id table_id variable_id grid_label version frequency"
CMIP5 = "product institute model experiment frequency realm table ensemble variable version"
CORDEX = "product domain institute driving_model experiment ensemble rcm_model rcm_version frequency variable version"
OBS = "institution_id source_id frequency variable_id variant_label grid_label version"
IGCM = "institution realm tag_name space_name experiment_name job_name component product product_frequency file_frequency frequency"

GOOD = [
    # CMIP6 DRS; the roots of ESPRI, TGCC and CERFACS above it
    (
        "CMIP6",
        (
            "bdd/CMIP6/CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/tas/gr/v20180803/"
            "tas_Amon_IPSL-CM6A-LR_historical_r1i1p1f1_gr_185001-201412.nc"
        ),
        facets(
            CMIP6,
            "CMIP IPSL IPSL-CM6A-LR historical r1i1p1f1 Amon tas gr v20180803 mon",
        ),
        "185001-201412",
    ),
    (
        "CMIP6",
        (
            "CMIP6/ScenarioMIP/CNRM-CERFACS/CNRM-ESM2-1/ssp585/r5i1p1f2/Omon/thetao/gn/latest/"
            "thetao_Omon_CNRM-ESM2-1_ssp585_r5i1p1f2_gn_201501-210012.nc"
        ),
        facets(
            CMIP6,
            "ScenarioMIP CNRM-CERFACS CNRM-ESM2-1 ssp585 r5i1p1f2 Omon thetao gn latest mon",
        ),
        "201501-210012",
    ),
    (
        "CMIP6",
        (
            "CMIP6/DCPP/IPSL/IPSL-CM6A-LR/dcppA-hindcast/s1960-r2i1p1f1/day/pr/gr/v20200504/"
            "pr_day_IPSL-CM6A-LR_dcppA-hindcast_s1960-r2i1p1f1_gr_19610101-19701231.nc"
        ),
        facets(
            CMIP6,
            "DCPP IPSL IPSL-CM6A-LR dcppA-hindcast s1960-r2i1p1f1 day pr gr v20200504 day",
        ),
        "19610101-19701231",
    ),
    (
        "CMIP6",
        (
            "CMIP6/CMIP/IPSL/IPSL-CM6A-LR/piControl/r1i1p1f1/fx/areacella/gr/v20181123/"
            "areacella_fx_IPSL-CM6A-LR_piControl_r1i1p1f1_gr.nc"
        ),
        facets(CMIP6, "CMIP IPSL IPSL-CM6A-LR piControl r1i1p1f1 fx areacella gr v20181123 fx"),
        None,
    ),
    (
        "CMIP6",
        (
            "CMIP6/CMIP/MOHC/UKESM1-0-LL/historical/r1i1p1f2/AERmonZ/ta/gnz/v20190406/"
            "ta_AERmonZ_UKESM1-0-LL_historical_r1i1p1f2_gnz_185001-201412.nc"
        ),
        facets(CMIP6, "CMIP MOHC UKESM1-0-LL historical r1i1p1f2 AERmonZ ta gnz v20190406 mon"),
        "185001-201412",
    ),
    (
        "CMIP6",
        (
            "CMIP6/CMIP/MIROC/MIROC6/amip/r1i1p1f1/Oclim/difvho/gn/v1/"
            "difvho_Oclim_MIROC6_amip_r1i1p1f1_gn_185001-201412-clim.nc"
        ),
        facets(CMIP6, "CMIP MIROC MIROC6 amip r1i1p1f1 Oclim difvho gn v1 monC"),
        "185001-201412-clim",
    ),
    # the SYNDA layout closes with the variable
    (
        "CMIP6",
        (
            "x/CMIP/IPSL/IPSL-CM6A-LR/amip/r1i1p1f1/6hrPlevPt/ta/gr/v2/ta/"
            "ta_6hrPlevPt_IPSL-CM6A-LR_amip_r1i1p1f1_gr_197901010600-197912311800.nc"
        ),
        facets(CMIP6, "CMIP IPSL IPSL-CM6A-LR amip r1i1p1f1 6hrPlevPt ta gr v2 6hr"),
        "197901010600-197912311800",
    ),
    # CMIP5 DRS 1.3.1, ESPRI's order
    (
        "CMIP5",
        (
            "bdd/CMIP5/output/IPSL/IPSL-CM5A-LR/historical/mon/atmos/Amon/r1i1p1/latest/tas/"
            "tas_Amon_IPSL-CM5A-LR_historical_r1i1p1_185001-200512.nc"
        ),
        facets(CMIP5, "output IPSL IPSL-CM5A-LR historical mon atmos Amon r1i1p1 tas latest"),
        "185001-200512",
    ),
    # CEDA's order
    (
        "CMIP5",
        (
            "CMIP5/output1/CNRM-CERFACS/CNRM-CM5/rcp85/day/atmos/day/r1i1p1/pr/v20120203/"
            "pr_day_CNRM-CM5_rcp85_r1i1p1_20060101-20101231.nc"
        ),
        facets(CMIP5, "output1 CNRM-CERFACS CNRM-CM5 rcp85 day atmos day r1i1p1 pr v20120203"),
        "20060101-20101231",
    ),
    # fixed fields at ESPRI lack the level of the variable
    (
        "CMIP5",
        (
            "bdd/CMIP5/output/IPSL/IPSL-CM5A-LR/historical/fx/atmos/fx/r0i0p0/latest/"
            "areacella_fx_IPSL-CM5A-LR_historical_r0i0p0.nc"
        ),
        facets(CMIP5, "output IPSL IPSL-CM5A-LR historical fx atmos fx r0i0p0 areacella latest"),
        None,
    ),
    # the model in the name is spelled otherwise
    (
        "CMIP5",
        (
            "CMIP5/output1/CSIRO-BOM/ACCESS1.0/historical/mon/ocean/Omon/r1i1p1/v2/tos/"
            "tos_Omon_ACCESS1-0_historical_r1i1p1_185001-200512.nc"
        ),
        facets(CMIP5, "output1 CSIRO-BOM ACCESS1.0 historical mon ocean Omon r1i1p1 tos v2"),
        "185001-200512",
    ),
    (
        "CMIP5",
        (
            "CMIP5/output1/NSF-DOE-NCAR/CESM1(CAM5.1,FV2)/historical/mon/atmos/Amon/r1i1p1/v4/tas/"
            "tas_Amon_CESM1-CAM5-1-FV2_historical_r1i1p1_185001-200512.nc"
        ),
        facets(
            CMIP5,
            "output1 NSF-DOE-NCAR CESM1(CAM5.1,FV2) historical mon atmos Amon r1i1p1 tas v4",
        ),
        "185001-200512",
    ),
    (
        "CMIP5",
        (
            "CMIP5/unsolicited/IPSL/IPSL-CM5A-MR/midHolocene/monClim/atmos/Amon/r1i1p1/v20111119/pr/"
            "pr_Amon_IPSL-CM5A-MR_midHolocene_r1i1p1_230101-240012-clim.nc"
        ),
        facets(
            CMIP5,
            "unsolicited IPSL IPSL-CM5A-MR midHolocene monClim atmos Amon r1i1p1 pr v20111119",
        ),
        "230101-240012-clim",
    ),
    # CORDEX Archive Design; CliMAF's directory has the model, ESMValCore's the institute before it
    (
        "CORDEX",
        (
            "bdd/CORDEX/output/EUR-11/IPSL-INERIS/IPSL-IPSL-CM5A-MR/rcp85/r1i1p1/WRF331F/v1/mon/tas/v20140301/"
            "tas_EUR-11_IPSL-IPSL-CM5A-MR_rcp85_r1i1p1_IPSL-INERIS-WRF331F_v1_mon_200601-201012.nc"
        ),
        facets(
            CORDEX,
            "output EUR-11 IPSL-INERIS IPSL-IPSL-CM5A-MR rcp85 r1i1p1 IPSL-INERIS-WRF331F v1 mon tas v20140301",
        ),
        "200601-201012",
    ),
    (
        "CORDEX",
        (
            "CORDEX/output/EUR-11/CNRM/CNRM-CERFACS-CNRM-CM5/historical/r1i1p1/CNRM-ALADIN63/v2/day/pr/latest/"
            "pr_EUR-11_CNRM-CERFACS-CNRM-CM5_historical_r1i1p1_CNRM-ALADIN63_v2_day_19510101-19551231.nc"
        ),
        facets(
            CORDEX,
            "output EUR-11 CNRM CNRM-CERFACS-CNRM-CM5 historical r1i1p1 CNRM-ALADIN63 v2 day pr latest",
        ),
        "19510101-19551231",
    ),
    (
        "CORDEX",
        (
            "CORDEX/output/AFR-44i/SMHI/ECMWF-ERAINT/evaluation/r1i1p1/SMHI-RCA4/v1/fx/orog/v20130927/"
            "orog_AFR-44i_ECMWF-ERAINT_evaluation_r1i1p1_SMHI-RCA4_v1_fx.nc"
        ),
        facets(
            CORDEX,
            "output AFR-44i SMHI ECMWF-ERAINT evaluation r1i1p1 SMHI-RCA4 v1 fx orog v20130927",
        ),
        None,
    ),
    (
        "CORDEX",
        (
            "CORDEX/output/MED-11/CMCC/CMCC-CMCC-CM/rcp45/r1i1p1/CCLM4-8-19/v1/sem/tas/v20150101/"
            "tas_MED-11_CMCC-CMCC-CM_rcp45_r1i1p1_CMCC-CCLM4-8-19_v1_sem_200601-210011.nc"
        ),
        facets(
            CORDEX,
            "output MED-11 CMCC CMCC-CMCC-CM rcp45 r1i1p1 CMCC-CCLM4-8-19 v1 sem tas v20150101",
        ),
        "200601-210011",
    ),
    (
        "CORDEX",
        (
            "output/WAS-22/GERICS/MPI-M-MPI-ESM-LR/rcp26/r1i1p1/GERICS-REMO2015/v1/6hr/psl/"
            "psl_WAS-22_MPI-M-MPI-ESM-LR_rcp26_r1i1p1_GERICS-REMO2015_v1_6hr_200601010000-200612311800.nc"
        ),
        facets(
            CORDEX.removesuffix(" version"),
            "output WAS-22 GERICS MPI-M-MPI-ESM-LR rcp26 r1i1p1 GERICS-REMO2015 v1 6hr psl",
        ),
        "200601010000-200612311800",
    ),
    # obs4MIPs ODS2
    *(
        (
            "obs4MIPs",
            (
                f"obs4MIPs/{inst}/{source}/{freq}/{var}/{grid}/{version}/"
                f"{var}_{freq}_{source}_{label}_{grid}{span and '_' + span}.nc"
            ),
            facets(OBS, f"{inst} {source} {freq} {var} {label} {grid} {version}"),
            span or None,
        )
        for inst, source, freq, var, grid, version, label, span in [
            ("NASA-GSFC", "GPCP-V2.3", "mon", "pr", "gn", "v20180519", "RSS", "197901-201710"),
            (
                "NASA-LaRC",
                "CERES-EBAF-4-2",
                "mon",
                "rlut",
                "gn",
                "v20240101",
                "BE",
                "200003-202312",
            ),
            ("CNES", "AVISO-1-0", "day", "zos", "gr1", "v1", "PCMDI", "19921014-20101231"),
            ("ECMWF", "ERA-5", "6hr", "ta", "gn", "latest", "PCMDI", "197901010000-197912311800"),
            ("NOAA-NCEI", "ETOPO-2022", "fx", "orog", "gm", "v20230101", "NCEI", ""),
        ]
    ),
    # libIGCM: Output, time series, seasonal means, ensembles
    (
        "libIGCM",
        (
            "ccc/store/cont003/gencmip6/p86caub/IGCM_OUT/IPSLCM6/PROD/piControl/CM6.0.1-LR-pi_02/ATM/Output/MO/"
            "CM6.0.1-LR-pi_02_18500101_18500131_1M_histmth.nc"
        ),
        facets(
            IGCM + " stream",
            "IPSL atmos IPSLCM6 PROD piControl CM6.0.1-LR-pi_02 ATM Output MO 1M mon histmth",
        ),
        "18500101_18500131",
    ),
    (
        "libIGCM",
        (
            "IGCM_OUT/IPSLCM5A/PROD/piControl/piControl2/OCE/Analyse/TS_MO/"
            "piControl2_18000101_27991231_1M_zomsfatl.nc"
        ),
        facets(
            IGCM + " native_variable variable",
            "IPSL ocean IPSLCM5A PROD piControl piControl2 OCE Analyse TS_MO 1M mon zomsfatl msftyz",
        ),
        "18000101_27991231",
    ),
    (
        "libIGCM",
        (
            "IPSLCM5A/PROD/midHolocene/MH.run-1_SE_x/ATM/Analyse/SE_100Y/"
            "MH.run-1_SE_x_SE_4750_4849_1M_histmth.nc"
        ),
        facets(
            IGCM + " stream",
            "IPSL atmos IPSLCM5A PROD midHolocene MH.run-1_SE_x ATM Analyse SE_100Y 1M monClim histmth",
        ),
        "4750_4849",
    ),
    (
        "libIGCM",
        "IPSLCM6/DEVT/historical/run/SRF/Output/DA/run_19000101_19001231_1D_sechiba_history.nc",
        facets(
            IGCM + " stream",
            "IPSL land IPSLCM6 DEVT historical run SRF Output DA 1D day sechiba_history",
        ),
        "19000101_19001231",
    ),
    (
        "libIGCM",
        (
            "IPSLCM5A/PROD/decadal/DEC/19601231/r1/ATM/Analyse/TS_DA/"
            "DEC_19601231_r1_19610101_19701231_1D_t2m_max.nc"
        ),
        facets(
            IGCM + " ensemble_name ensemble_date native_variable variable",
            "IPSL atmos IPSLCM5A PROD decadal DEC_19601231_r1 ATM Analyse TS_DA 1D day DEC 19601231 t2m_max tasmax",
        ),
        "19610101_19701231",
    ),
    (
        "libIGCM",
        "LMDZOR/TEST/clim/job/ATM/Output/HF/job_70000101_70001231_HF_histhfNMC.nc",
        facets(
            IGCM + " stream", "IPSL atmos LMDZOR TEST clim job ATM Output HF HF subday histhfNMC"
        ),
        "70000101_70001231",
    ),
    # the file's own frequency holds, a stream of any name stays one, means over any years are some
    *(
        (
            "libIGCM",
            f"IPSLCM6/PROD/pi/job/ATM/{place}/job_{name}",
            facets(f"{IGCM} {what}", f"IPSL atmos IPSLCM6 PROD pi job ATM {values}"),
            time,
        )
        for place, name, what, values, time in [
            *(
                (
                    "Analyse/TS_HF",
                    f"18500101_18591231_{own}_precip.nc",
                    "native_variable variable",
                    f"Analyse TS_HF {own} {frequency} precip pr",
                    "18500101_18591231",
                )
                for own, frequency in (("3H", "3hr"), ("6H", "6hr"), ("HF", "subday"))
            ),
            (
                "Output/MO",
                "18500101_18500131_1D_histday.nc",
                "stream",
                "Output MO 1D day histday",
                "18500101_18500131",
            ),
            (
                "Output/MO",
                "18500101_18500131_1M_mine_t2m.nc",
                "stream",
                "Output MO 1M mon mine_t2m",
                "18500101_18500131",
            ),
            (
                "Analyse/SE_30Y",
                "SE_1850_1879_1M_other.nc",
                "stream",
                "Analyse SE_30Y 1M monClim other",
                "1850_1879",
            ),
        ]
    ),
]

WRITTEN = yaml.safe_load(Path(__file__).with_name("paths.yaml").read_text(encoding="utf-8"))
GOOD += [
    (family, each["path"], each["is"], each.get("time"))
    for family, paths in WRITTEN.items()
    for each in paths
]


@pytest.mark.parametrize(
    ("family", "path", "expected", "time_range"),
    GOOD,
    ids=[f"{family}-{path}" for family, path, *_ in GOOD],
)
def test_facets_of_published_paths(family, path, expected, time_range):
    found = parse(family, path)
    columns = load_family(family).facets  # others only help to match
    assert {k: v for k, v in found.facets.items() if v is not None and k in columns} == expected
    assert found.time_range == time_range
    assert (found.span is None) == (time_range is None)


def test_each_family_has_five_paths():
    counts = {family: sum(each[0] == family for each in GOOD) for family in family_names()}
    assert min(counts.values()) >= 5, counts


def test_every_cmip6_table_has_its_frequency():
    # the 43 tables of CMIP6_CVs 6.2.60
    tables = [
        "3hr",
        "6hrLev",
        "6hrPlev",
        "6hrPlevPt",
        "AERday",
        "AERhr",
        "AERmon",
        "AERmonZ",
        "Amon",
        "CF3hr",
        "CFday",
        "CFmon",
        "CFsubhr",
        "E1hr",
        "E1hrClimMon",
        "E3hr",
        "E3hrPt",
        "E6hrZ",
        "Eday",
        "EdayZ",
        "Efx",
        "Emon",
        "EmonZ",
        "Esubhr",
        "Eyr",
        "IfxAnt",
        "IfxGre",
        "ImonAnt",
        "ImonGre",
        "IyrAnt",
        "IyrGre",
        "LImon",
        "Lmon",
        "Oclim",
        "Oday",
        "Odec",
        "Ofx",
        "Omon",
        "Oyr",
        "SIday",
        "SImon",
        "day",
        "fx",
    ]
    known = load_family("CMIP6").frequency.of
    assert len(tables) == 43
    assert set(tables) == set(known)


HIST = "CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/tas/gr/v20180803"
NAME = "tas_Amon_IPSL-CM6A-LR_historical_r1i1p1f1_gr_185001-201412.nc"


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        (f"{HIST}/README.nc", "name", "does not follow <variable_id>_<table_id>"),
        (f"{HIST}/{NAME}.nc", "name", "does not follow"),
        (f"{HIST}/{NAME.replace('_gr_', '_')}", "name", "does not follow"),
        (f"{HIST}/{NAME.replace('185001', '1850१1')}", "name", "does not follow"),
        (f"{HIST}/{NAME.replace('tas_', 'pr_')}", "contradiction", "'pr' in the name, 'tas'"),
        (f"{HIST}/{NAME.replace('r1i', 'r2i')}", "contradiction", "<member_id> is 'r2i1p1f1'"),
        (f"{HIST}/{NAME.replace('201412', '184912')}", "time range", "ends before it starts"),
        (f"{HIST}/{NAME.replace('201412', '201413')}", "time range", "no month 13"),
        (f"{HIST}/{NAME.replace('201412', '2014121')}", "time range", "7 digits"),
        (f"{HIST.replace('v2018', '2018')}/{NAME}", "directory", "<version> should"),
        (f"{HIST.replace('r1i1p1f1', 'r1i1p1')}/{NAME}", "directory", "<member_id> should"),
        (f"{HIST}/extra/{NAME}", "directory", "'extra' stands where <version> should"),
        (f"files/d20180803/{NAME}", "directory", "'d20180803' stands where <version> should"),
        (f"{HIST.split('/', 2)[2]}/{NAME}", "directory", "7 levels of directories, 9 needed"),
        (NAME, "directory", "0 levels"),
    ],
)
def test_each_rejection_tells_a_person_why(path, code, said):
    with pytest.raises(Rejected) as refused:
        parse("CMIP6", path)
    assert refused.value.code == code
    assert said in refused.value.reason


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("Analyse/TS_MO/J1_100000101_100091231_1M_t2m.nc", "'100000101' has 9 digits"),
        ("Analyse/TS_MO/J1_99900101_100091231_1M_t2m.nc", "'100091231' has 9 digits"),
        ("Analyse/SE/J1_SE_10000_10049_1M_histmth.nc", "'10000' has 5 digits"),
        ("Output/MO/J1_100000101_100001231_1M_histmth.nc", "'100000101' has 9 digits"),
    ],
)
def test_a_year_of_five_digits_is_refused_as_such(place, said):
    with pytest.raises(Rejected) as refused:
        parse("libIGCM", f"IPSLCM6/PROD/paleo/J1/ATM/{place}")
    assert refused.value.code == "time range"
    assert f"{said}, and years are from 0001 to 9999" in refused.value.reason


def test_long_runs_up_to_the_year_9999():
    path = "IPSLCM6/PROD/paleo/J1/ATM/Analyse/TS_MO/J1_{}_1M_t2m.nc"
    found = parse("libIGCM", path.format("10000101_99991231"))
    assert (found.span.start, found.span.end) == (1000_01_01_0000, 9999_12_31_2359)


def test_levels_that_contradict_one_another():
    # the SYNDA layout says the variable twice
    with pytest.raises(Rejected, match=r"<version> should|contradict"):
        parse("CMIP6", f"{HIST}/pr/{NAME}")


@pytest.mark.parametrize(
    ("family", "path", "code"),
    [
        # gridspec files of GFDL put the realm before the table
        (
            "CMIP5",
            (
                "output1/NOAA-GFDL/GFDL-CM3/rcp45/fx/seaIce/fx/r0i0p0/gridspec/v20110601/"
                "gridspec_seaIce_fx_GFDL-CM3_rcp45_r0i0p0.nc"
            ),
            "name",
        ),
        # two REMO files close with the member
        (
            "CORDEX",
            (
                "output/EUR-11/GERICS/CNRM-CERFACS-CNRM-CM5/historical/r0i0p0/GERICS-REMO2015/v2/fx/orog/v20200713/"
                "orog_EUR-11_CNRM-CERFACS-CNRM-CM5_historical_r0i0p0_GERICS-REMO2015_v2_fx_r0i0p0.nc"
            ),
            "name",
        ),
        (
            "libIGCM",
            "IPSLCM6/PROD/pi/job/ATM/Restart/job_18501231_restart.nc",
            "directory",
        ),
        (
            "obs4MIPs",
            "NASA/GPCP/mon/pr/gn/v1/pr_mon_GPCP_BE_gr_197901-197912.nc",
            "contradiction",
        ),
    ],
)
def test_what_real_archives_hold_beside(family, path, code):
    with pytest.raises(Rejected) as refused:
        parse(family, path)
    assert refused.value.code == code


@pytest.mark.parametrize("name", ["CMIP9", "cmip", "", "../families/CMIP6", "CMIP6.yaml"])
def test_an_unknown_family_names_the_nearest(name):
    with pytest.raises(UnknownFamily) as refused:
        load_family(name)
    assert repr(name) in refused.value.message
    assert "CMIP6" in refused.value.hint


def test_case_does_not_matter():
    assert load_family("libigcm") == load_family("libIGCM")


def test_a_path_without_a_facet_names_it():
    with pytest.raises(UsageError, match="experiment_id"):
        load_family("CMIP6").path({"activity_id": "CMIP"})


def test_the_key_joins_the_dataset_facets_with_dots():
    found = parse("CMIP6", f"{HIST}/{NAME}")
    assert (
        load_family("CMIP6").key(found.facets)
        == "CMIP.IPSL.IPSL-CM6A-LR.historical.r1i1p1f1.Amon.tas.gr"
    )


def test_a_new_family_is_only_a_file():
    for name in family_names():
        rules = load_family(name)
        assert rules.family == name
        assert rules.variable in rules.facets
        assert set(rules.common.values()) <= set(rules.facets)
        assert rules.shared["variable"] == rules.variable
        assert rules.shared["frequency"] == "frequency"
        assert set(rules.optional) <= set(rules.facets)
