"""What a finished wheel is asked before it is given out."""

from __future__ import annotations

import csv
import io
import os
import zipfile

from pyzbpf.build import compiler
from pyzbpf.errors import BuildError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from pyzbpf.build.settings import Settings

# First bytes of what runs on one kind of machine only: PE, Mach-O of either word size and byte order, fat.
_HOST_BINARIES = (b"MZ", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe")
_ELF = b"\x7fELF"
_EM_BPF = 247  # linux/elf-em.h


def objects(found: Settings) -> list[str]:
    """The names of the objects that a wheel of these settings must hold."""
    folder = found.package.replace(".", "/")
    return [
        f"{folder}/{name}.{compiler.ARCHITECTURES[order]}.o"
        for name in found.probes
        for order in compiler.ENDIAN_CHOICES[found.endian]
    ]


def check(wheel: Path, found: Settings) -> None:
    """Refuse, and remove, a wheel that lacks an object, or is for every platform and holds a binary of one."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        missing = [path for path in objects(found) if path not in names]
        binaries = (
            [] if _is_for_one_platform(wheel) else [name for name in names if _is_binary(archive, name)]
        )
    if not (missing or binaries):
        return
    os.unlink(wheel)
    if missing:
        raise BuildError(
            f"the wheel would lack {', '.join(missing)}; a CMakeLists.txt of your own must call "
            "pyzbpf_add_project() (after find_package(pyzbpf)), and wheel.install-dir and wheel.exclude of "
            "[tool.scikit-build] must let the objects through"
        )
    raise BuildError(
        f"the wheel is named for every platform, but {', '.join(binaries)} runs on one only; leave it out with "
        "wheel.exclude of [tool.scikit-build], or set wheel.platlib = true there"
    )


def put_in_order(wheel: Path) -> None:
    """Sort the files of ``.dist-info``, which scikit-build-core takes in the order of the file system."""
    with zipfile.ZipFile(wheel) as archive:
        before = archive.infolist()
        items = sorted(before, key=_place)
        if items == before:
            return
        contents = [archive.read(item) for item in items]
    rows = {row[0]: row for row in csv.reader(io.StringIO(contents[-1].decode()))}
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows[item.filename] for item in items)
    contents[-1] = text.getvalue().encode()
    made = wheel.with_name(f".{wheel.name}.new")
    try:
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for item, data in zip(items, contents, strict=True):
                archive.writestr(item, data)
        made.replace(wheel)
    except BaseException:
        made.unlink(missing_ok=True)
        raise


def _place(item: zipfile.ZipInfo) -> tuple[bool, bool, str]:
    # The files of the package are sorted already; RECORD is the last by the format's advice.
    folder, _, rest = item.filename.partition("/")
    inside = folder.endswith(".dist-info")
    return inside, rest == "RECORD" and inside, rest if inside else ""


def _is_for_one_platform(wheel: Path) -> bool:
    return not wheel.stem.endswith("-any")


def _is_binary(archive: zipfile.ZipFile, name: str) -> bool:
    with archive.open(name) as file:
        head = file.read(20)
    if head.startswith(_ELF):
        order = "little" if head[5:6] == b"\1" else "big"
        return int.from_bytes(head[18:20], order) != _EM_BPF  # type: ignore[arg-type]
    return head.startswith(_HOST_BINARIES) and not name.endswith((".py", ".pyi", ".txt", ".md"))
