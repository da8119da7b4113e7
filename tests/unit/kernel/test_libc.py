"""The C library, by the names below ctypes and by ctypes itself."""

from __future__ import annotations

import ctypes
import os
import sys

import pytest

from pyzbpf.kernel.libc import Library

pytestmark = pytest.mark.skipif(not hasattr(os, "getppid"), reason="needs a C library with getppid: a Unix")


@pytest.fixture(params=["lean", "whole"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Library:
    assert ctypes
    if request.param == "whole":
        monkeypatch.setitem(sys.modules, "_ctypes", None)  # as in an interpreter without it
    return Library()


def test_a_function_is_called_with_its_types(library: Library) -> None:
    assert library.function("getppid", "i", "")() == os.getppid()
    assert library.function("memchr", "P", "ziL")(b"abc", 0, 3) is None
    text = b"some text"
    place = library.address_of(text)
    assert library.function("memchr", "P", "PiL")(place, ord("t"), len(text)) == place + text.index(b"t")


def test_errno_of_the_last_call(library: Library) -> None:
    assert library.function("close", "i", "i")(-1) == -1
    assert library.errno() == 9  # EBADF


@pytest.mark.parametrize("kind", [bytes, bytearray])
@pytest.mark.parametrize("text", [b"a", b"with\0zeros\0", bytes(5000)])
def test_where_bytes_lie(library: Library, kind: type[bytes | bytearray], text: bytes) -> None:
    buffer = kind(text)
    assert bytes(library.view(library.address_of(buffer), len(buffer))) == text


def test_nothing_lies_nowhere(library: Library) -> None:
    assert library.address_of(bytearray()) == 0


def test_what_is_stored_in_a_view_is_there(library: Library) -> None:
    buffer = bytearray(8)
    library.view(library.address_of(buffer), 8)[2:4] = b"ab"
    assert buffer == b"\0\0ab\0\0\0\0"
