"""``deploy/nightly``: systemd takes the units, and what they start works with what they allow.

systemd is not the first process here, so that it cannot start them itself: their command line, with
their environment file, is run as it would run it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
import yaml

from climeri_platform.catalog import open_snapshot
from climeri_platform.catalog.metrics import METRICS
from climeri_platform.cli.front import command
from climeri_platform.core.errors import RootsStale

CHECKOUT = Path(__file__).resolve().parents[2]
NIGHTLY = CHECKOUT / "deploy/nightly"
SERVICE = NIGHTLY / "climeri-refresh@.service"
SITE = "local"
CLIMERI = "/opt/climeri/bin/climeri"
TAS = "CMIP6/CMIP/IPSL/{model}/historical/r1i1p1f1/Amon/tas/gr/v20180803/tas_Amon_{model}_historical_r1i1p1f1_gr_185001-201412.nc"


def settings(file):
    """Section to the list of (key, value) of a unit, in its order; keys may stand twice."""
    found, section = {}, ""
    for line in file.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(section, []).append((key, value))
    return found


def one(file, section, key):
    (value,) = [value for name, value in settings(file)[section] if name == key]
    return value


def environment_file(text):
    """What systemd makes of an environment file of plain lines."""
    lines = [each for each in text.splitlines() if each and not each.startswith("#")]
    return dict(each.split("=", 1) for each in lines)


def words_of(line, environment):
    """Split and fill in a command line as systemd does: ${X} is one word, $X any number."""
    words = []
    for word in shlex.split(line.replace("%i", SITE)):
        if re.fullmatch(r"\$\w+", word):
            words += environment.get(word[1:], "").split()
        else:
            words.append(re.sub(r"\$\{(\w+)\}", lambda name: environment[name[1]], word))
    return words


def writable(file):
    paths = one(file, "Service", "ReadWritePaths").split()
    return [PurePosixPath(each.removeprefix("-")) for each in paths]


class Machine:
    """The places of the example files, below a folder: /srv, /etc, /var, /opt and an archive."""

    def __init__(self, top):
        self.top = top
        self.example = environment_file((NIGHTLY / "refresh.env.example").read_text())
        for name in ("/etc/climeri/sources", "/srv/climeri", "/archive"):
            self.at(name).mkdir(parents=True)
        self.at(self.example["CLIMERI_METRICS"]).parent.mkdir(parents=True)
        for model, root in (("IPSL-CM6A-LR", "a"), ("CNRM-CM6-1", "b")):
            file = self.at("/archive") / root / TAS.format(model=model)
            file.parent.mkdir(parents=True)
            file.write_bytes(b"x" * 100)
        sources = [
            {"root": root, "path": str(self.at("/archive") / root), "family": "CMIP6"}
            for root in ("a", "b")
        ]
        text = yaml.safe_dump({"sources": sources})
        (self.at("/etc/climeri/sources") / "all.yaml").write_text(text)

    def at(self, path):
        return self.top / str(path).lstrip("/")

    def placed(self, word):
        return str(self.at(word)) if word.startswith(("/etc/", "/srv/", "/var/")) else word

    def start(self, *before, changed=None):
        """Run what the unit runs, with nothing in its environment but what systemd gives."""
        told = {**self.example, **(changed or {})}
        first, *words = words_of(one(SERVICE, "Service", "ExecStart"), told)
        assert first == CLIMERI
        climeri = [sys.executable, "-c", "from climeri_platform.cli import main; main()"]
        given = {name: self.placed(value) for name, value in told.items()}
        given["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        # a user without a home, as system users are
        given |= {"USER": "climeri", "LOGNAME": "climeri", "HOME": "/nonexistent", "LANG": "C"}
        if "PYTHONPATH" in os.environ:
            given["PYTHONPATH"] = os.environ["PYTHONPATH"]  # how the tests find the package
        given["PYTHONDONTWRITEBYTECODE"] = "1"  # /opt is not writable for the unit
        return subprocess.run(
            [*before, *climeri, *map(self.placed, words)],
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            env=given,
            stdin=subprocess.DEVNULL,
            umask=int(one(SERVICE, "Service", "UMask"), 8),
        )

    def metrics(self):
        return self.at(self.example["CLIMERI_METRICS"]).read_text()

    def reports(self):
        return self.at(self.example["CLIMERI_STORE"]) / "reports"

    def everything(self):
        return {
            str(each.relative_to(self.top)): each.lstat().st_mtime_ns
            for each in self.top.rglob("*")
        }


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path / "machine")


@pytest.fixture(scope="module")
def systemd():
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("wants the Debian package systemd")
    return found


@pytest.fixture
def units(tmp_path):
    """The units with a drop-in or without, as they would be installed, of a program that is here."""
    folder = tmp_path / "units"
    folder.mkdir()
    for each in NIGHTLY.glob("climeri-*@.*"):
        (folder / each.name).write_text(each.read_text().replace(CLIMERI, "/bin/true"))
    return folder


def analyze(systemd, *words, cwd):
    return subprocess.run(
        [systemd, *words], check=False, capture_output=True, text=True, cwd=cwd
    )  # fmt: skip


@pytest.mark.parametrize("drop_in", [False, True])
def test_systemd_finds_no_fault(drop_in, systemd, units):
    if drop_in:
        folder = units / "climeri-refresh@.service.d"
        folder.mkdir()
        shutil.copy(NIGHTLY / "hung-mounts.conf", folder)
    names = [f"./{each.name.replace('@', f'@{SITE}')}" for each in NIGHTLY.glob("*@.*")]
    assert len(names) == 3
    done = analyze(systemd, "verify", *names, cwd=units)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_would_find_one(systemd, units):
    unit = units / SERVICE.name
    unit.write_text(unit.read_text().replace("ProtectSystem=strict", "ProtectSystem=stricter"))
    done = analyze(systemd, "verify", f"./climeri-refresh@{SITE}.service", cwd=units)
    assert "stricter" in done.stderr


def test_the_refresh_is_confined(systemd, units):
    name = f"./climeri-refresh@{SITE}.service"
    done = analyze(systemd, "security", "--offline=true", "--threshold=20", name, cwd=units)
    assert done.returncode == 0, done.stdout
    assert float(re.search(r"exposure level for \S+: (\S+)", done.stdout)[1]) <= 2.0


def test_the_timer_names_an_hour_and_starts_the_service(systemd, tmp_path):
    timer = NIGHTLY / "climeri-refresh@.timer"
    when = one(timer, "Timer", "OnCalendar")
    done = analyze(systemd, "calendar", "--iterations=2", when, cwd=tmp_path)
    assert done.returncode == 0
    assert "21:30:00" in done.stdout
    assert one(timer, "Timer", "Persistent") == "yes"
    assert not any(key == "Unit" for key, _ in settings(timer)["Timer"]), "that of its own name"
    assert one(SERVICE, "Unit", "OnFailure") == "climeri-refresh-failed@%i.service"
    assert (NIGHTLY / "climeri-refresh-failed@.service").is_file()


def test_the_units_name_what_is_there():
    assert one(SERVICE, "Service", "SuccessExitStatus") == str(RootsStale.exit_code)
    assert one(SERVICE, "Service", "EnvironmentFile") == "/etc/climeri/refresh-%i.env"
    group = command.get_command(None, "catalog")
    for unit in NIGHTLY.glob("*.service"):
        line = one(unit, "Service", "ExecStart")
        name = re.search(rf"{CLIMERI} catalog (\w+)", line)[1]
        known = {option for each in group.commands[name].params for option in each.opts}
        assert set(re.findall(r"--[a-z-]+", line)) <= known
    names = set(re.findall(r"\$\{?(\w+)", one(SERVICE, "Service", "ExecStart")))
    assert names <= set(environment_file((NIGHTLY / "refresh.env.example").read_text()))


def test_what_the_example_names_may_be_written():
    example = environment_file((NIGHTLY / "refresh.env.example").read_text())
    for name in ("CLIMERI_STORE", "CLIMERI_METRICS"):
        place = PurePosixPath(example[name])
        assert any(place.is_relative_to(each) for each in writable(SERVICE)), name


def test_the_first_nights(machine):
    done = machine.start()
    assert (done.returncode, done.stderr) == (0, "")
    snapshot = open_snapshot(machine.at("/srv/climeri/store"))
    assert {root.root_id: root.catalogued for root in snapshot.card.roots} == {"a": 1, "b": 1}
    report = json.loads((machine.reports() / "latest.json").read_text())
    assert report["snapshot"] == snapshot.name
    assert snapshot.name in (machine.reports() / "latest.html").read_text()
    assert f'climeri_refresh_exit_code{{site="{SITE}"}} 0.0' in machine.metrics()
    # readers, and who collects the metrics, are other users
    for each in machine.at("/srv/climeri/store").rglob("*"):
        if not each.name.startswith("."):
            assert each.stat().st_mode & (stat.S_IROTH if each.is_file() else stat.S_IXOTH), each
    # a lost mount
    machine.at("/archive/b").rename(machine.at("/archive/away"))
    done = machine.start()
    assert done.returncode == 12
    assert "carried forward as they were: b (CMIP6)" in done.stderr
    assert "Published, 1 root as before" in (machine.reports() / "latest.html").read_text()
    assert f'climeri_refresh_exit_code{{site="{SITE}"}} 12.0' in machine.metrics()
    assert re.search(r'climeri_root_stale\{.*root="b".*\} 1\.0', machine.metrics())
    # and a night that fails
    done = machine.start(changed={"CLIMERI_REFRESH_OPTIONS": "--sources /etc/climeri/nowhere"})
    assert done.returncode == 2
    assert f'climeri_refresh_exit_code{{site="{SITE}"}} 2.0' in machine.metrics()
    assert re.search(r'climeri_root_files\{.*root="a".*\} 1\.0', machine.metrics())
    assert "Failed, exit code 2" in (machine.reports() / "latest.html").read_text()


def test_without_more_words_the_command_is_whole(machine):
    done = machine.start(changed={"CLIMERI_REFRESH_OPTIONS": ""})
    assert done.returncode == 2
    assert f"the site {SITE} declares no sources" in done.stderr


WRITES = "trace=open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,truncate,chmod,fchmodat,chown,fchownat,utimensat,mknod,mknodat"  # fmt: skip


def test_it_writes_nowhere_else(machine, strace, tmp_path):
    """Two nights, the second with a lost root: every system call that changes a file is looked at."""
    allowed = [machine.at(each) for each in writable(SERVICE)]
    machine.start()
    machine.at("/archive/b").rename(machine.at("/archive/away"))
    before = machine.everything()
    traces = tmp_path / "traces"
    traces.mkdir()
    done = machine.start(
        strace,
        "-ff",
        "-qq",
        "-y",
        "-s",
        "4096",
        "-e",
        WRITES,
        "-e",
        "signal=none",
        "-o",
        traces / "of",
    )
    assert done.returncode == 12, done.stderr
    changed = [
        path
        for trace in traces.iterdir()  # one for each thread: no call is cut in two
        for line in trace.read_text().splitlines()
        if (path := changed_path(line)) is not None
    ]
    store, metrics = (
        machine.at(machine.example[f"CLIMERI_{name}"]) for name in ("STORE", "METRICS")
    )
    assert {str(store / "CURRENT"), str(store / "reports/latest.html"), str(metrics)} <= {*changed}
    # PrivateTmp gives it a /tmp of its own; devices and /proc are the system's
    elsewhere = {
        path
        for path in changed
        if not any(Path(path).is_relative_to(each) for each in allowed)
        and not path.startswith(("/dev/", "/proc/"))
    }
    assert elsewhere == set()
    after = machine.everything()
    differ = {each for each in {*before, *after} if before.get(each) != after.get(each)}
    assert {each for each in differ if not each.startswith(("srv/climeri", "var/lib"))} == set()
    assert differ


def changed_path(line):
    """The path that a traced call changed, or None if it changed nothing."""
    call = re.match(r"(\w+)\((.*)\)\s+= (-?\d+)", line)
    if call is None or call[3].startswith("-"):
        return None
    name, words = call[1], call[2]
    if name.startswith("open") and not re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC|APPEND)", words):
        return None
    paths = re.findall(r'"((?:[^"\\]|\\.)*)"', words)
    path = paths[-1] if name.startswith(("rename", "link", "symlink")) else paths[0]
    below = re.match(r"(?:AT_FDCWD|\d+)<([^>]*)>", words)
    return path if path.startswith("/") else os.path.normpath(f"{below[1]}/{path}")


def test_a_failed_night_is_told(machine, tmp_path):
    """The example of /etc/climeri/failed gets the report and tells it."""
    machine.start()
    machine.start(changed={"CLIMERI_REFRESH_OPTIONS": "--sources /etc/climeri/nowhere"})
    climeri = tmp_path / "climeri"
    climeri.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from climeri_platform.cli import main; main()" "$@"\n'
    )
    climeri.chmod(0o755)
    mail = tmp_path / "bin" / "mail"
    mail.parent.mkdir()
    mail.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/mail; cat >> {tmp_path}/mail\n')
    mail.chmod(0o755)
    line = one(NIGHTLY / "climeri-refresh-failed@.service", "Service", "ExecStart")
    line = line.replace(CLIMERI, str(climeri))
    line = line.replace("/etc/climeri/failed", str(NIGHTLY / "failed.example"))
    done = subprocess.run(
        words_of(line, {}),
        check=False,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "CLIMERI_STORE": str(machine.at("/srv/climeri/store")),
            "PATH": f"{mail.parent}:{os.environ['PATH']}",
        },
    )
    assert done.returncode == 0, done.stderr
    assert f"the refresh of {SITE} failed" in done.stdout
    assert "failed, exit code 2: the site local declares no sources" in done.stdout
    sent = (tmp_path / "mail").read_text()
    assert sent.startswith(f"-s climeri: the refresh of {SITE} failed root\n")
    assert "readers have 2" in sent


def test_the_guide_names_every_file_and_code():
    text = (CHECKOUT / "docs/operations/nightly.md").read_text()
    for each in NIGHTLY.iterdir():
        assert each.name in text, each.name
    for name in METRICS:
        room = re.match(r"climeri_(refresh|root)", name)[0]
        assert name in text or f"`{name.removeprefix(room)}`" in text, name
    assert len(re.findall(r"^\| (0|1|2|4|5|10|12|70|130) \|", text, re.MULTILINE)) == 9
