"""Settings: one order, each value with its origin, wrong files told."""

from __future__ import annotations

import pytest

from climeri_platform.core import settings
from climeri_platform.core.errors import UsageError
from climeri_platform.core.settings import SETTINGS, read_settings, setting


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The system's and the user's file, neither of which exists yet."""
    monkeypatch.setattr(settings, "SYSTEM_FILE", tmp_path / "etc" / "climeri.yaml")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "etc").mkdir()
    (tmp_path / "config" / "climeri").mkdir(parents=True)
    return settings.SYSTEM_FILE, settings.user_file()


def test_every_layer_wins_over_those_before(files, monkeypatch):
    system, user = files
    site = {"store": "of the site"}

    def now(**arguments):
        each = read_settings(arguments, site_defaults=site)["store"]
        return each.value, each.origin

    assert read_settings()["store"].origin == "default"
    assert now() == ("of the site", "site profile")
    system.write_text("store: of the system\n")
    assert now() == ("of the system", str(system))
    user.write_text("store: of the user\n")
    assert now() == ("of the user", str(user))
    monkeypatch.setenv("CLIMERI_STORE", "of the environment")
    assert now() == ("of the environment", "environment")
    assert now(store="of the call") == ("of the call", "argument")
    assert now(store=None) == ("of the environment", "environment")
    assert setting("store") == "of the environment"
    assert setting("store", "mine") == "mine"


def test_all_settings_come_in_their_order_with_a_description(files):
    assert list(read_settings()) == list(SETTINGS)
    assert all(text for _, text in SETTINGS.values())


def test_an_empty_variable_sets_nothing(files, monkeypatch):
    monkeypatch.setenv("CLIMERI_SITE", "")
    assert read_settings()["site"].origin == "default"


def test_a_name_without_a_value_sets_nothing(files):
    files[1].write_text("store:\nsite: local\n")
    assert read_settings()["store"].value == ""
    assert read_settings()["site"].origin == str(files[1])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("stor: /x\n", "Did you mean store"),
        ("zzz: /x\n", "site, store"),
        ("1: /x\n", "1"),
        ("- a\n- b\n", "name: value"),
        ("just words\n", "name: value"),
        ("store: [unclosed\n", "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_wrong_file_is_named(files, content, said):
    user = files[1]
    user.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError) as refused:
        read_settings()
    assert str(user) in refused.value.message
    assert said in str(refused.value)


def test_a_folder_in_its_place_is_told(files):
    files[0].mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        read_settings()


def test_an_empty_file_is_no_error(files):
    files[1].write_text("")
    assert read_settings()["language"].value == "fr"


def test_without_xdg_the_home_is_used(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings.user_file() == tmp_path / ".config" / "climeri" / "climeri.yaml"


@pytest.mark.parametrize("given", [3, False, b"/data", ["/data"]])
def test_an_argument_that_is_neither_text_nor_path_is_told(given):
    with pytest.raises(UsageError) as told:
        setting("store", given)
    assert told.value.message == f"store={given!r}: it is a text, or a path"
