"""TARGET on the command line: an object file, a wheel, a probe of a wheel, a probe of an installed package.

A probe's source does as well, where the Zig compiler is installed: it is built into a temporary folder, as its
project says.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from pyzbpf.cli.usage import UsageError, near, remark
from pyzbpf.errors import BuildError, Error, NotFoundError, ObjectError, advice
from pyzbpf.spec.open import SOURCES, SUFFIX, of_package, probe_name, probes
from pyzbpf.spec.open import open as open_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyzbpf.spec.model import ObjectSpec

HELP = 'an object (.o), a wheel (.whl, or .whl:PROBE), "package:probe", or a source (.zig, .c), which is built first'


def objects(target: str) -> Iterator[ObjectSpec]:
    """The objects that a target means: those in a wheel, else the one."""
    path, found, probe = target.rpartition(".whl:")
    if found or target.endswith(".whl"):
        yield from _of_wheel(path + ".whl" if found else target, probe if found else "")
    elif target.endswith(SOURCES):
        with built(target) as made:
            spec = open_spec(made)
        spec.file = target
        yield spec
    else:
        try:
            _import(target)
            yield open_spec(target)
        except NotFoundError as error:
            meant = _installed(target)
            if not meant:
                raise
            raise UsageError(f"{target} is no file; did you mean {' or '.join(meant)}?") from error


def _import(target: str) -> None:
    """Import the package of "package:probe"; where it is an editable install this builds what has changed."""
    found = of_package(target)
    if found is None:
        return
    try:
        with redirect_stdout(sys.stderr):  # what it prints, or its build, is none of our data
            probes(found[0])
    except Error:
        raise
    except Exception as error:
        why = str(error) or type(error).__name__
        raise Error(f"package '{found[0]}' cannot be imported: {why}") from error


def _installed(target: str) -> list[str]:
    """The installed probes of which the target is but the package, or the name."""
    from pyzbpf.cli.list import installed

    return [probe for probe in installed() if target in probe.split(":")]


def one(target: str) -> ObjectSpec:
    """The one object for this machine; a wheel that holds several probes must be asked for one."""
    found = list(objects(target))
    fitting = [spec for spec in found if spec.endian == sys.byteorder]
    if len(fitting) > 1:
        names = " or ".join(f"{target}:{spec.name}" for spec in fitting)
        raise UsageError(f"{target} holds {len(fitting)} probes; say which: {names}")
    # One for other machines is refused by the loader, which says what to do.
    return (fitting or found)[0]


@contextmanager
def built(source: str, *, raw: bool = False) -> Iterator[Path]:
    """The finished object of a source, for this machine; or the one that the compiler wrote. Within ``with``."""
    import tempfile

    from pyzbpf.build.compile import build_source
    from pyzbpf.build.compiler import find_zig

    try:
        find_zig()
    except BuildError as error:
        raise BuildError(
            f"{source} is a source, which is built first, but {error}\n  "
            f"Or build it on another machine, and name the object here: pyzbpf build {source}"
        ) from error
    with tempfile.TemporaryDirectory(prefix="pyzbpf-") as folder:
        kept = Path(folder, "kept")
        (made,) = build_source(
            Path(source), endian="host", output_directory=Path(folder), keep=kept if raw else None, say=remark
        )
        yield kept / made.name.replace(".o", ".raw.o") if raw else made


def _of_wheel(target: str, probe: str) -> Iterator[ObjectSpec]:
    import zipfile
    import zlib

    from pyzbpf.spec.read import read

    try:
        with zipfile.ZipFile(target) as wheel:
            names = sorted(name for name in wheel.namelist() if name.endswith(tuple(SUFFIX.values())))
            for name in names:
                if probe in ("", probe_name(name)):
                    yield read(wheel.read(name), file=f"{target}/{name}", name=probe_name(name))
    except OSError as error:
        hint = advice(error.errno) or "is the name right? `pip wheel` writes it with version and tags"
        raise NotFoundError(f"cannot be read: {error.strerror or error}", file=target, advice=hint) from error
    except (zipfile.BadZipFile, zlib.error) as error:
        raise ObjectError(
            f"is no whole wheel: {error}", file=target, advice="fetch it or build it again (pip wheel)"
        ) from error
    if not names:
        raise NotFoundError(
            "holds no probe", file=target, advice="a wheel's probes are *.bpfel.o and *.bpfeb.o"
        )
    known = sorted({probe_name(name) for name in names})
    if probe and probe not in known:
        raise NotFoundError(f"holds no probe '{probe}'{near(probe, known)}", file=target)
