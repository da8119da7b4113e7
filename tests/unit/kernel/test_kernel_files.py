"""Files of a kernel: its symbols and its configuration, made by hand."""

from __future__ import annotations

import gzip
import os

import pytest

from pyzbpf.errors import Error, ObjectError, PrivilegeError
from pyzbpf.kernel import kallsyms, kconfig

SYMBOLS = """\
0000000000000000 A fixed_percpu_data
ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000100 t twice
ffffffff81000200 t twice
ffffffff81000300 t same
ffffffff81000300 t same
ffffffff82000000 d counter.llvm.1234
ffffffff82000010 t code.llvm.1234
ffffffff82000020 D with_long_name
ffffffffc0000000 t of_module\t[nf_tables]
"""


@pytest.fixture
def symbols(tmp_path, monkeypatch):
    path = tmp_path / "kallsyms"
    path.write_text(SYMBOLS)
    monkeypatch.setattr(kallsyms, "PATH", str(path))
    return path


def test_addresses(symbols):
    names = [
        "_stext",
        "same",
        "counter",
        "code",
        "of_module",
        "with_long",
        "long_name",
        "none",
        "fixed_percpu_data",
    ]
    assert kallsyms.addresses(names) == {
        "_stext": 0xFFFFFFFF81000000,
        "same": 0xFFFFFFFF81000300,
        "counter": 0xFFFFFFFF82000000,
        "of_module": 0xFFFFFFFFC0000000,
        "fixed_percpu_data": 0,
    }
    assert kallsyms.has("_text")
    assert not kallsyms.has("text")


def test_two_places(symbols):
    with pytest.raises(ObjectError, match=r"twice.*0xffffffff81000100 and 0xffffffff81000200"):
        kallsyms.addresses(["twice"])


@pytest.mark.parametrize(("level", "words"), [("2", "hides them from everybody"), ("1", "grant CAP_SYSLOG")])
def test_hidden_addresses_are_no_addresses(symbols, monkeypatch, level, words):
    lines = [f"{'0' * 16} {line.split(' ', 1)[1]}" for line in SYMBOLS.splitlines()]
    symbols.write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(kallsyms, "sysctl", lambda _: level)
    with pytest.raises(PrivilegeError, match=f"kernel.kptr_restrict is {level}.*{words}") as caught:
        kallsyms.addresses(["_text"])
    assert caught.value.capability == "CAP_SYSLOG"
    assert kallsyms.addresses(["none"]) == {}


def test_no_symbols(symbols):
    symbols.unlink()
    with pytest.raises(Error, match="CONFIG_KALLSYMS"):
        kallsyms.addresses(["_text"])


CONFIG = (
    '# CONFIG_OFF is not set\nCONFIG_HZ=250\nCONFIG_BPF=y\nCONFIG_TEXT="a=b"\nCONFIG_HZ=1\nCONFIG_EMPTY=\n'
)
NAMES = ["CONFIG_OFF", "CONFIG_HZ", "CONFIG_TEXT", "CONFIG_EMPTY", "CONFIG_NONE"]
FOUND = {"CONFIG_HZ": "250", "CONFIG_TEXT": '"a=b"'}


@pytest.mark.parametrize("packed", [True, False])
def test_options(tmp_path, monkeypatch, packed):
    first, second = tmp_path / "config-6", tmp_path / "config.gz"
    monkeypatch.setattr(kconfig, "places", lambda: [str(first), str(second)])
    assert kconfig.options(NAMES) == ({}, "")
    second.write_bytes(gzip.compress(CONFIG.encode()))
    assert kconfig.options(NAMES) == (FOUND, str(second))
    first.write_bytes(gzip.compress(b"CONFIG_HZ=100\n") if packed else b"CONFIG_HZ=100\n")
    assert kconfig.options(NAMES) == ({"CONFIG_HZ": "100"}, str(first))


def uname(release: str, version: str = "#1 SMP"):
    return os.uname_result(("Linux", "host", release, version, "x86_64"))


@pytest.mark.parametrize(
    ("system", "signature", "numbers"),
    [
        (uname("6.18.44-fc-v595"), None, (6, 18, 44)),
        (uname("5.10.259"), None, (5, 10, 255)),
        (uname("4.19.0-22-amd64", "#1 SMP Debian 4.19.260-1 (2022-09-29)"), None, (4, 19, 255)),
        (uname("6.1.0-18-amd64", "#1 SMP Debian 6.1.76-1 (2024-02-01)"), None, (6, 1, 76)),
        (uname("5.4.0-12-generic"), "Ubuntu 5.4.0-12.15-generic 5.4.8\n", (5, 4, 8)),
        (uname("5.4.0-12-generic"), "odd\n", (5, 4, 0)),
        (uname("7.0-rc1"), None, (7, 0, 0)),
        (uname("7.3-s390x"), None, (7, 3, 0)),
        (uname("7"), None, None),
        (uname("custom-1.2.3"), None, None),
    ],
)
def test_version(tmp_path, monkeypatch, system, signature, numbers):
    path = tmp_path / "version_signature"
    if signature is not None:
        path.write_text(signature)
    monkeypatch.setattr(kconfig, "SIGNATURE", str(path))
    monkeypatch.setattr(kconfig.os, "uname", lambda: system)
    major, minor, patch = numbers or (0, 0, 0)
    assert kconfig.version() == major << 16 | minor << 8 | patch


def test_names_that_are_not_known():
    assert kconfig.computed("LINUX_HAS_NOTHING") is None
