"""TARGET on the command line: an object file, a wheel, a probe of a wheel, a probe of an installed package."""

from __future__ import annotations

import sys
import zipfile

from pyzbpf.cli.usage import UsageError, near
from pyzbpf.errors import NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyzbpf.spec.model import ObjectSpec

HELP = 'an object (.o), a wheel (.whl, or .whl:PROBE) or "package:probe"'


def objects(target: str) -> Iterator[ObjectSpec]:
    """The objects that a target means: those in a wheel, else the one."""
    path, found, probe = target.rpartition(".whl:")
    if found or target.endswith(".whl"):
        yield from _of_wheel(path + ".whl" if found else target, probe if found else "")
        return
    from pyzbpf.spec.open import open as open_spec

    yield open_spec(target)


def one(target: str) -> ObjectSpec:
    """The one object for this machine; a wheel that holds several probes must be asked for one."""
    found = list(objects(target))
    fitting = [spec for spec in found if spec.endian == sys.byteorder]
    if len(fitting) > 1:
        names = " or ".join(f"{target}:{spec.name}" for spec in fitting)
        raise UsageError(f"{target} holds {len(fitting)} probes; say which: {names}")
    # One for other machines is refused by the loader, which says what to do.
    return (fitting or found)[0]


def _of_wheel(target: str, probe: str) -> Iterator[ObjectSpec]:
    from pyzbpf.spec.open import SUFFIX, probe_name
    from pyzbpf.spec.read import read

    try:
        with zipfile.ZipFile(target) as wheel:
            names = sorted(name for name in wheel.namelist() if name.endswith(tuple(SUFFIX.values())))
            for name in names:
                if probe in ("", probe_name(name)):
                    yield read(wheel.read(name), file=f"{target}/{name}", name=probe_name(name))
    except (OSError, zipfile.BadZipFile) as error:
        raise NotFoundError(f"cannot be read as a wheel: {error}", file=target) from error
    if not names:
        raise NotFoundError(
            "holds no probe", file=target, advice="a wheel's probes are *.bpfel.o and *.bpfeb.o"
        )
    known = sorted({probe_name(name) for name in names})
    if probe and probe not in known:
        raise NotFoundError(f"holds no probe '{probe}'{near(probe, known)}", file=target)
