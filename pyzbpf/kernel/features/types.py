"""What of an object's type information (BTF) the kernel takes; `pyzbpf.adapt.older_btf` rewrites the rest."""

from __future__ import annotations

import os
import struct

from pyzbpf.btf import types as kinds
from pyzbpf.kernel import commands
from pyzbpf.kernel.features import ask
from pyzbpf.kernel.features.feature import Answer, Feature
from pyzbpf.kernel.syscall import address
from pyzbpf.uapi import attrs, since
from pyzbpf.uapi import enums as e

_INT = (0, kinds.INT << 24, 4, 32 | kinds.SIGNED << 24)
_VAR = (1, kinds.VAR << 24, 1, kinds.STATIC)  # of the int before it
_PROTOTYPE = (0, kinds.FUNC_PROTO << 24 | 1, 0, 1, 1)  # void (int)
_SECTION = (3, kinds.DATASEC << 24 | 1, 4, 2, 0, 4)  # with the variable before it


def _types(words: tuple[int, ...], strings: bytes) -> Answer:
    return ask.verdict(ask.btf(words, strings), "CAP_BPF")


def _layout() -> Answer:
    """Types with a table that says how long each kind is: none, and the number of an INT."""
    rows = struct.pack("=BBHBBH", 0, 0, 0, 4, 0, 0)
    return ask.verdict(ask.btf(_INT, b"\0int\0", rows), "CAP_BPF")


def _module_names() -> Answer:
    """The name of a type table: asked for in the same release as those of modules came."""
    made = ask.btf(_INT, b"\0")
    if made < 0:
        return ask.refusal(made, "CAP_BPF")
    try:
        name = bytearray(16)
        info = bytearray(attrs.BTF_INFO_SIZE)
        for member, value in (("name", address(name)), ("name_len", len(name))):
            offset, size = attrs.BTF_INFO[member]
            struct.pack_into("=Q" if size == 8 else "=I", info, offset, value)
        values: dict[str, int | bytes] = {"bpf_fd": made, "info_len": len(info), "info": address(info)}
        result = commands.request(e.BPF_OBJ_GET_INFO_BY_FD, attrs.OBJ_GET_INFO, values)
        return Answer(True) if result == 0 else ask.refusal(result, "CAP_BPF")
    finally:
        os.close(made)


def _argument_tags() -> Answer:
    """A global function whose pointer is a context because a tag says so; the helper wants one."""
    types = (
        *_INT,
        0, kinds.PTR << 24, 0,
        0, kinds.FUNC_PROTO << 24 | 1, 1, 1, 2,
        1, kinds.FUNC << 24 | kinds.GLOBAL, 3,
        0, kinds.FUNC_PROTO << 24 | 1, 1, 3, 2,
        3, kinds.FUNC << 24 | kinds.GLOBAL, 5,
        5, kinds.DECL_TAG << 24, 6, 0,
    )  # fmt: skip
    made = ask.btf(types, b"\0a\0b\0arg:ctx\0")
    if made < 0:
        return ask.refusal(made, "CAP_BPF")
    try:
        code = ask.instruction(0x85, src=e.BPF_PSEUDO_CALL, immediate=1) + ask.EXIT + ask.call(173) + ask.EXIT
        functions = struct.pack("=IIII", 0, 4, 2, 6)
        return ask.program(
            e.BPF_PROG_TYPE_KPROBE,
            code,
            {
                "prog_btf_fd": made,
                "func_info": address(functions),
                "func_info_cnt": 2,
                "func_info_rec_size": 8,
            },
        )
    finally:
        os.close(made)


BTF = Feature("type information", since.BTF, _types, (_INT, b"\0"), workaround="programs run without it")
FUNCTIONS = Feature(
    "functions",
    since.BTF_FUNCTIONS,
    _types,
    ((*_INT, *_PROTOTYPE, 3, kinds.FUNC << 24, 2), b"\0x\0f\0"),
    purpose="names of functions, lines of source (FUNC, func_info)",
)
SECTIONS = Feature(
    "variables",
    since.GLOBAL_DATA,
    _types,
    ((*_INT, *_VAR, *_SECTION), b"\0x\0.data\0"),
    purpose="names and types of variables (VAR, DATASEC)",
)
GLOBAL_FUNCTIONS = Feature(
    "global functions",
    since.GLOBAL_FUNCTIONS,
    _types,
    ((*_INT, *_PROTOTYPE, 3, kinds.FUNC << 24 | kinds.GLOBAL, 2), b"\0x\0f\0"),
    purpose="functions verified by themselves (linkage of FUNC)",
    workaround="they are told to the kernel as static",
)
FLOAT = Feature(
    "FLOAT",
    since.BTF_FLOAT,
    _types,
    ((1, kinds.FLOAT << 24, 4), b"\0f\0"),
    workaround="an empty struct of the same size",
)
DECL_TAG = Feature(
    "DECL_TAG",
    since.BTF_DECL_TAG,
    _types,
    ((*_INT, *_VAR, 3, kinds.DECL_TAG << 24, 2, 0xFFFFFFFF), b"\0x\0tag\0"),
    purpose="marks on variables and types, such as pyzbpf.event",
    workaround="an integer that nobody refers to",
)
TYPE_TAG = Feature(
    "TYPE_TAG",
    since.BTF_TYPE_TAG,
    _types,
    ((*_INT, 1, kinds.TYPE_TAG << 24, 1, 0, kinds.PTR << 24, 2), b"\0tag\0"),
    purpose="marks on pointers, such as kptr",
    workaround="a const",
)
ENUM64 = Feature(
    "ENUM64",
    since.BTF_ENUM64,
    _types,
    ((1, kinds.ENUM64 << 24, 8), b"\0e\0"),
    purpose="enums of 64 bits",
    workaround="a union of the same size",
)
QUESTION_SECTIONS = Feature(
    "sections with '?'",
    since.QUESTION_SECTIONS,
    _types,
    ((*_INT, *_VAR, *_SECTION), b"\0x\0?.data\0"),
    purpose="optional struct_ops maps",
    workaround="the name gets '_' instead",
)
ARGUMENT_TAGS = Feature(
    "tags on arguments",
    since.ARGUMENT_TAGS,
    _argument_tags,
    purpose="arg:ctx on the pointer of a global function",
    workaround="a prototype with the type's own context",
    options=("CONFIG_BPF_EVENTS",),
)
LAYOUT = Feature(
    "layout",
    since.BTF_LAYOUT,
    _layout,
    purpose="kinds that a reader does not know are stepped over",
    workaround="it is left out",
)
FEATURES = (
    BTF,
    FUNCTIONS,
    SECTIONS,
    GLOBAL_FUNCTIONS,
    FLOAT,
    DECL_TAG,
    TYPE_TAG,
    ENUM64,
    ARGUMENT_TAGS,
    QUESTION_SECTIONS,
    Feature("names of tables", since.MODULE_BTF, _module_names, purpose="the types of modules"),
    LAYOUT,
)
