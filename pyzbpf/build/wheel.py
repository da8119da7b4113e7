"""What a finished wheel is asked before it is given out, and the bill of materials that is put into it (PEP 770)."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import zipfile

from pyzbpf.build import compiler
from pyzbpf.build.stubs import SUFFIX
from pyzbpf.errors import BuildError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Any

    from pyzbpf.build.settings import Settings

# First bytes of what runs on one kind of machine only: PE, Mach-O of either word size and byte order, fat.
_HOST_BINARIES = (b"MZ", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe")
_ELF = b"\x7fELF"
_EM_BPF = 247  # linux/elf-em.h
BILL = "sboms/pyzbpf.cdx.json"


def objects(found: Settings) -> list[str]:
    """The names of the objects that a wheel of these settings must hold."""
    folder = found.package.replace(".", "/")
    return [
        f"{folder}/{name}.{compiler.ARCHITECTURES[order]}.o"
        for name in found.probes
        for order in compiler.ENDIAN_CHOICES[found.endian]
    ]


def check(wheel: Path, found: Settings, root: Path) -> None:
    """Refuse, and remove, a wheel that lacks an object, holds a path of the builder or a binary of the host."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        missing = [path for path in objects(found) if path not in names]
        paths = [name for name in _generated(found, names) if _holds(archive.read(name), root)]
        binaries = (
            [] if _is_for_one_platform(wheel) else [name for name in names if _is_binary(archive, name)]
        )
    if not (missing or paths or binaries):
        return
    os.unlink(wheel)
    if missing:
        raise BuildError(
            f"the wheel would lack {', '.join(missing)}; a CMakeLists.txt of your own must call "
            "pyzbpf_add_project() (after find_package(pyzbpf)), and wheel.install-dir and wheel.exclude of "
            "[tool.scikit-build] must let the objects through"
        )
    if binaries:
        raise BuildError(
            f"the wheel is named for every platform, but {', '.join(binaries)} runs on one only; leave it out with "
            "wheel.exclude of [tool.scikit-build], or set wheel.platlib = true there"
        )
    raise BuildError(
        f"{', '.join(paths)} would tell where it was built ({root}); does the probe have a text with the path in it?"
    )


def add_bill(wheel: Path, found: Settings, *, name: str, version: str) -> None:
    """Put the bill of materials into the wheel: the compiler, the SDK, the hash of each object; the same for the same."""
    with zipfile.ZipFile(wheel) as archive:
        entries = [(item, archive.read(item)) for item in archive.infolist()]
    contents = {item.filename: data for item, data in entries}
    (record,) = (path for path in contents if path.endswith(".dist-info/RECORD"))
    bill_path = record.removesuffix("RECORD") + BILL
    bill = json.dumps(_bill(found, contents, name=name, version=version), indent=1).encode() + b"\n"
    rows = [row for row in csv.reader(io.StringIO(contents[record].decode())) if row and row[0] != record]
    rows += [[bill_path, _hash(bill), str(len(bill))], [record, "", ""]]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    made = wheel.with_name(f".{wheel.name}.new")
    try:
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for item, data in entries:
                if item.filename == record:
                    archive.writestr(_like(item, bill_path), bill)
                    archive.writestr(_like(item, record), text.getvalue().encode())
                else:
                    archive.writestr(_like(item, item.filename), data)
        made.replace(wheel)
    except BaseException:
        made.unlink(missing_ok=True)
        raise


def _bill(found: Settings, contents: dict[str, bytes], *, name: str, version: str) -> dict[str, Any]:
    # CycloneDX 1.6, without time and serial number: two builds of one source give the same.
    from pyzbpf import __version__

    sdk = f"pkg:pypi/pyzbpf@{version if name == 'pyzbpf' else __version__}"
    zig = f"pkg:pypi/ziglang@{compiler.ZIG_VERSION}"
    own = f"pkg:pypi/{name}@{version}"
    tools = [_component("library", sdk), _component("application", zig)]
    files = [
        {
            "type": "file",
            "bom-ref": path,
            "name": path,
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(contents[path]).hexdigest()}],
        }
        for path in objects(found)
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _component("application", own)},
        "components": [*(tool for tool in tools if tool["purl"] != own), *files],
        "dependencies": [
            {"ref": own, "dependsOn": [file["bom-ref"] for file in files]},
            *({"ref": file["bom-ref"], "dependsOn": [sdk, zig]} for file in files),
        ],
    }


def _component(kind: str, purl: str) -> dict[str, str]:
    name, _, version = purl.removeprefix("pkg:pypi/").partition("@")
    return {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _generated(found: Settings, names: Iterable[str]) -> list[str]:
    folder = found.package.replace(".", "/")
    own = {f"{folder}/{name}{SUFFIX}{suffix}" for name in found.probes for suffix in (".py", ".pyi")}
    own |= {*objects(found), f"{folder}/_pyzbpf_index.py"}
    return [name for name in names if name in own]


def _holds(data: bytes, root: Path) -> bool:
    # A folder directly below the top has a name that may stand in any text.
    return len(root.parts) > 2 and os.fsencode(root) + b"/" in data


def _is_for_one_platform(wheel: Path) -> bool:
    return not wheel.stem.endswith("-any")


def _is_binary(archive: zipfile.ZipFile, name: str) -> bool:
    with archive.open(name) as file:
        head = file.read(20)
    if head.startswith(_ELF):
        order = "little" if head[5:6] == b"\1" else "big"
        return int.from_bytes(head[18:20], order) != _EM_BPF  # type: ignore[arg-type]
    return head.startswith(_HOST_BINARIES) and not name.endswith((".py", ".pyi", ".txt", ".md"))


def _hash(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _like(item: zipfile.ZipInfo, name: str) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name, date_time=item.date_time)
    made.external_attr = item.external_attr
    made.create_system = item.create_system
    made.compress_type = zipfile.ZIP_DEFLATED
    return made
