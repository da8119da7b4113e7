"""`pyzbpf.open`: a path, bytes or "package:probe" -> ObjectSpec, without a kernel and without root."""

from __future__ import annotations

import builtins
import os
import sys

from pyzbpf.errors import NotFoundError, ObjectError, advice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType
    from typing import Any

    from pyzbpf.spec.model import ObjectSpec

SUFFIX = {"little": ".bpfel.o", "big": ".bpfeb.o"}
INDEX_MODULE = "_pyzbpf_index"
SOURCES = (".zig", ".c")
_TARGET = 'a target is a path of an object file or "package:probe"; `pyzbpf list` names the installed ones'


def open(target: str | os.PathLike[str] | bytes, *, endian: str = sys.byteorder) -> ObjectSpec:
    """Parse a BPF object into an ObjectSpec.

    ``target`` is a path of an object file, its bytes, or ``"package:probe"``: a probe of an
    installed package (also of one inside a zip file), of which the object for ``endian`` ("little"
    or "big", the host's by default) is taken. Raises NotFoundError for a file, package or probe
    that does not exist, and ObjectError for one that is not a BPF object. Works on every operating
    system, asks no kernel and needs no privilege.
    """
    if isinstance(target, (bytes, bytearray, memoryview)):
        return _read(bytes(target), file="<bytes>", name="object")
    path = os.fspath(target)
    installed = of_package(path)
    if installed is not None:
        return _open_probe(*installed, endian)
    if ":" in path and not os.path.exists(path):
        package, _, probe = path.partition(":")
        if package.replace(".", "").replace("-", "_").isidentifier() and probe:
            name = package.replace("-", "_")
            raise NotFoundError(
                f"'{package}' is no name of a package",
                file=path,
                advice=f"packages are named as `import` does: {name}:{probe}",
            )
    try:
        with builtins.open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise NotFoundError(
            f"cannot be read: {error.strerror}",
            file=path,
            advice=advice(error.errno) or _TARGET,
        ) from error
    if path.endswith(SOURCES):
        raise ObjectError(
            "is the source of a probe, not an object",
            file=path,
            advice=f"build it first: pyzbpf build {path}",
        )
    return _read(data, file=path, name=probe_name(path))


def of_package(target: str) -> tuple[str, str] | None:
    """(package, probe) where the target is that, and no path."""
    package, _, probe = target.partition(":")
    is_both = probe and package.replace(".", "").isidentifier() and not os.path.exists(target)
    return (package, probe) if is_both else None


def probe_name(path: str) -> str:
    """The probe's name in a file's: "dir/hello.bpfel.o" is "hello"."""
    name = os.path.basename(path)
    for suffix in (*SUFFIX.values(), ".bpf.o", ".o"):
        if name.endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


def _read(data: bytes, *, file: str, name: str) -> ObjectSpec:
    from pyzbpf.spec.read import read  # ELF parsing, with pyelftools, only for objects without an index

    return read(data, file=file, name=name)


def _open_probe(package: str, probe: str, endian: str) -> ObjectSpec:
    module = _import(package)
    name = probe + SUFFIX[endian]
    # The index first: in an editable install its import is what rebuilds the objects.
    entry = _index(package).get(probe, {}).get(endian)
    found = _data(module, name)
    if found is None:
        raise NotFoundError(
            f"package '{package}' has no probe '{probe}' for {endian}-endian machines",
            file=f"{package}:{probe}",
            advice=_what_there_is(module, package, probe, endian),
        )
    data, file = found
    if entry is not None:
        from pyzbpf.spec.index import from_index

        spec = from_index(entry, data, file=file, name=probe)
        if spec is not None:
            return spec
    return _read(data, file=file, name=probe)


def _import(package: str) -> ModuleType:
    try:
        __import__(package)
    except ModuleNotFoundError as error:
        if error.name is None or not (package == error.name or package.startswith(error.name + ".")):
            raise  # the package exists and fails to import something else
        raise NotFoundError(
            f"no package '{package}' is installed in this Python ({sys.executable})",
            file=package,
            advice="is the name right, and is this the Python that it is installed in?",
        ) from error
    return sys.modules[package]


def _index(package: str) -> dict[str, dict[str, Any]]:
    """The probes of the index module that the build has put beside the objects; {} where none is."""
    name = f"{package}.{INDEX_MODULE}"
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return {}
    probes: dict[str, dict[str, Any]] = sys.modules[name].PROBES
    return probes


def _data(module: ModuleType, name: str) -> tuple[bytes, str] | None:
    """(bytes, path) of a data file of a package, wherever its loader keeps it: folders or a zip."""
    loader = module.__spec__.loader if module.__spec__ is not None else None
    get_data = getattr(loader, "get_data", None)
    for folder in getattr(module, "__path__", ()):
        path = os.path.join(folder, name)
        try:
            if get_data is not None:
                return get_data(path), path
            with builtins.open(path, "rb") as file:
                return file.read(), path
        except OSError:
            continue
    return None


def probes(package: str) -> Iterator[str]:
    """The names of the probes that an installed package holds, for any byte order."""
    module = _import(package)
    names = set(_index(package))
    for folder in getattr(module, "__path__", ()):
        if os.path.isdir(folder):
            for name in os.listdir(folder):
                if name.endswith(tuple(SUFFIX.values())):
                    names.add(probe_name(name))
    return iter(sorted(names))


def _what_there_is(module: ModuleType, package: str, probe: str, endian: str) -> str:
    names = list(probes(package))
    if not names:
        where = getattr(module, "__file__", None) or ", ".join(getattr(module, "__path__", ()))
        return f"the package holds no probes at all; was it built with pyzbpf? ({where})"
    if probe in names:
        return f"its wheel was built for the other byte order only: {endian} or both is wanted as `endian` of [tool.pyzbpf]"
    from difflib import get_close_matches

    like = " or ".join(get_close_matches(probe, names, n=3))
    return (f"did you mean {like}? " if like else "") + f"it holds: {', '.join(names)}"


__all__ = ["INDEX_MODULE", "SUFFIX", "of_package", "open", "probe_name", "probes"]
