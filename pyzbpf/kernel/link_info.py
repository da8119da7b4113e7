"""What the kernel says about a link: struct bpf_link_info, of its union the part that the link's type has."""

from __future__ import annotations

import os

from pyzbpf.kernel import commands
from pyzbpf.kernel.syscall import address
from pyzbpf.uapi.attrs import LINK_INFO
from pyzbpf.uapi.enums import LINK_TYPE_NAMES

_TEXT = 4096  # PATH_MAX

# Texts that the kernel writes where a pointer of ours says: part of the union -> (pointer, length).
_TEXTS = {
    "raw_tracepoint": ("tp_name", "tp_name_len"),
    "iter": ("target_name", "target_name_len"),
    "uprobe_multi": ("path", "path_size"),
    "perf_event.uprobe": ("file_name", "name_len"),
    "perf_event.kprobe": ("func_name", "name_len"),
    "perf_event.tracepoint": ("tp_name", "name_len"),
}

# enum bpf_perf_event_type
_EVENTS = {1: "uprobe", 2: "uprobe", 3: "kprobe", 4: "kprobe", 5: "tracepoint", 6: "event"}


def read(fd: int) -> dict[str, int | str]:
    """``kind``, ``id`` and ``prog_id``, and behind them the members for its type, texts as str (Linux 5.8)."""
    first = commands.object_info(fd, LINK_INFO)
    kind = LINK_TYPE_NAMES.get(int(first["type"]), str(first["type"]))
    told: dict[str, int | str] = {"kind": kind, "id": int(first["id"]), "prog_id": int(first["prog_id"])}
    part = kind
    if kind == "perf_event":
        event = _EVENTS.get(int(first.get("perf_event.type", 0)), "")
        part = f"{kind}.{event}"
        if event:  # which the kernel says since Linux 6.6
            told["event"] = event
    pointer, length = _TEXTS.get(part, ("", ""))
    text = bytearray(_TEXT)
    given = {f"{part}.{pointer}": address(text), f"{part}.{length}": len(text)} if pointer else {}
    info = commands.object_info(fd, LINK_INFO, given)
    for name, value in info.items():
        inner = name.removeprefix(f"{part}.")
        if inner in (name, length) or "." in inner or inner in _POINTERS.get(part, ()):
            continue
        if inner == pointer:
            told[inner] = os.fsdecode(bytes(text).partition(b"\0")[0])
        else:
            told[inner] = _signed(int(value)) if (part, inner) in _SIGNED else int(value)
    return told


def _signed(number: int) -> int:
    return number - (1 << 32) if number >> 31 else number


_SIGNED = frozenset((("netfilter", "priority"),))

# Arrays that nobody has asked for.
_POINTERS = {
    "kprobe_multi": ("addrs", "cookies"),
    "uprobe_multi": ("offsets", "ref_ctr_offsets", "cookies"),
    "tracing_multi": ("ids", "addrs", "cookies"),
}
