"""What `pyzbpf doctor --json` says, made up for tests of what shows it."""

from __future__ import annotations


def row(name, answer="yes", *, since="5.8", reason="", mend=""):
    return {
        "name": name, "answer": answer, "expected": "yes", "since": since,
        "purpose": "what for", "reason": reason, "mend": mend,
    }  # fmt: skip


def report(version, **groups):
    kernel = {"release": "r", "version": version, "machine": "x86_64", "byteorder": "little"}
    return {"schema": 1, "kernel": kernel, "groups": groups}
