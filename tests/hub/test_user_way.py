"""What a user meets: login, an own server, the right kernel, notebooks that run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from climeri_platform.core.errors import HubFailed
from climeri_platform.hub import rehearse

pytestmark = pytest.mark.hub


@pytest.fixture(scope="module")
def first(hub):
    """The first notebook, run in the real hub; and what its first cell printed."""
    done = rehearse(hub.address, "ada", hub.password, hub.info["first_notebook"])
    return done, json.loads(done.text.splitlines()[0])


def test_the_first_notebook_runs(first):
    done, _ = first
    assert done.notebook == "00-start-here/00-start-here.ipynb"
    assert done.cells == 4
    assert done.text.splitlines()[1:] == ["42", "the last line"]
    assert 0 < done.run < 60
    assert 0 < done.kernel < 60


def test_the_kernel_is_the_python_of_the_hub(first):
    assert first[1]["python"] == sys.executable


def test_store_archive_and_site_are_configured(hub, first):
    environment = first[1]["environment"]
    folder = hub.state.parent
    assert environment["CLIMERI_STORE"] == str(folder / "store")
    assert environment["CLIMERI_DEMO_ARCHIVE"] == str(folder / "archive")
    assert environment["CLIMERI_SITE"] == "local"
    assert environment["CLIMERI_LANGUAGE"] in {"fr", "en"}
    assert environment["LANG"] == "C.UTF-8"


def test_personal_places_are_inside_the_hubs_folder(hub, first):
    environment = first[1]["environment"]
    assert environment["HOME"] == str(hub.state / "users" / "ada")
    assert not [name for name in environment if name.startswith("XDG_")]
    assert environment["PATH"].split(":")[0] == str(Path(sys.executable).parent)


def test_what_a_curated_notebook_saves_lands_in_the_own_folder(hub, first):
    assert first[1]["folder"] == str(hub.state / "users" / "ada")


def test_the_environment_of_the_shell_stays_outside(first):
    assert "A_SECRET_OF_THE_SHELL" not in first[1]["environment"]
    assert "CONFIGPROXY_AUTH_TOKEN" not in first[1]["environment"]


def test_a_cell_that_fails_is_told_with_its_error(hub):
    with pytest.raises(HubFailed, match="cell 2 fails: ValueError: no such month: 13") as told:
        rehearse(hub.address, "ada", hub.password, "01-next/fails.ipynb")
    assert "no such month: 13" in told.value.hint
    assert "\x1b" not in told.value.hint


def test_a_notebook_that_is_not_there_is_told(hub):
    with pytest.raises(HubFailed, match=r"refuses GET api/contents/curated/none\.ipynb: 404"):
        rehearse(hub.address, "ada", hub.password, "none.ipynb")


def test_a_wrong_password_is_refused(hub):
    with pytest.raises(HubFailed, match="the hub refuses ada: wrong name or password"):
        rehearse(hub.address, "ada", "wrong-password-here", hub.info["first_notebook"])


def test_who_is_not_in_the_list_is_refused_with_the_right_password(hub):
    with pytest.raises(HubFailed, match="the hub refuses eve: wrong name or password"):
        rehearse(hub.address, "eve", hub.password, hub.info["first_notebook"])
    assert not (hub.state / "users" / "eve").exists()


def test_without_login_nothing_is_shown(hub):
    visitor = hub.visitor()
    assert "/hub/login" in visitor.page("user/ada/lab").url
    assert visitor.rest("GET", "api/users", base="/hub/").status == 403
    assert visitor.rest("GET", "api/contents", base="/user/ada/").status == 403


def test_users_do_not_reach_each_others_server(hub, ada):
    ben = hub.visitor("ben")
    assert ben.page("hub/home").status == 200
    assert ben.page("user/ada/lab").status in {403, 404}
    assert ben.rest("GET", "api/contents", base="/user/ada/").status == 403


def test_a_form_without_the_token_of_its_page_is_refused(hub):
    visitor = hub.visitor()
    refused = visitor._open(
        "hub/login",
        method="POST",
        headers={},
        data=f"username=ada&password={hub.password}".encode(),
    )
    assert refused.status == 403


def test_a_token_in_an_address_opens_nothing(hub):
    ada = hub.visitor("ada")
    ada.page("hub/home")
    made = ada.rest("POST", "api/users/ada/tokens", base="/hub/", body={"note": "test"})
    assert made.status == 201
    token, url = made.json["token"], "hub/api/users/ada"
    visitor = hub.visitor()
    headers = {"Authorization": f"token {token}"}
    assert visitor._open(url, method="GET", headers=headers).status == 200
    assert visitor.page(f"{url}?token={token}").status == 403


def test_there_is_one_kernel_and_it_is_ours(ada):
    specs = ada.rest("GET", "api/kernelspecs", base="/user/ada/").json
    assert specs["default"] == "climeri"
    assert list(specs["kernelspecs"]) == ["climeri"]
    assert specs["kernelspecs"]["climeri"]["spec"]["display_name"] == "CLIMERI (Python 3)"


def test_a_kernel_of_the_user_is_not_picked_up(hub, ada):
    own = hub.state / "users" / "ada" / ".local" / "share" / "jupyter" / "kernels" / "mine"
    own.mkdir(parents=True, exist_ok=True)
    (own / "kernel.json").write_text(
        '{"argv": ["true"], "display_name": "mine", "language": "python"}'
    )
    specs = ada.rest("GET", "api/kernelspecs", base="/user/ada/").json
    assert list(specs["kernelspecs"]) == ["climeri"]


def test_jupyterlab_asks_for_no_news(ada):
    page = ada.page("user/ada/lab").text
    start = page.index(">", page.index("jupyter-config-data")) + 1
    config = json.loads(page[start : page.index("</script>", start)])
    assert config["news"] == {"disabled": True}
    disabled = config["disabledExtensions"]
    assert "@jupyterlab/apputils-extension:announcements" in disabled
    assert "@jupyterlab/extensionmanager-extension" in disabled


def test_pages_cannot_be_framed(hub, ada):
    with ada._opener.open(f"{hub.address}user/ada/lab", timeout=20) as answer:
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
