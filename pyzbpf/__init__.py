"""pyzbpf: author eBPF probes in Zig, ship them as one small wheel, run them from Python.

    import pyzbpf

    with pyzbpf.open("mytool:probe") as spec:       # parse only, no kernel, any OS
        spec.variables["target_pid"].value = 4242
        with spec.load() as probe:                  # relocate, verify, create
            probe.attach()
            for event in probe.maps["events"]:      # typed from the BTF in the object
                print(event.pid, event.comm)

A probe is *built* (``pyzbpf.build``), *finished* (``pyzbpf.finish``) and *read* into a spec
(``pyzbpf.spec``); on the user's machine it is *adapted* to the kernel (``pyzbpf.adapt``) and *loaded*
by the runtime (``pyzbpf.runtime``) with its ``maps`` and ``links``, and speaks through ``events``.
``kernel`` is the only room that calls the operating system; ``elf``, ``btf`` and ``insn`` are the
formats. The build half and the load half never import each other.

This module is a door: every name is imported when it is first used.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.errors import (
        BuildError,
        Error,
        LayoutWarning,
        NotFoundError,
        ObjectError,
        PrivilegeError,
        SystemCallError,
        UnsupportedError,
        VerifierError,
    )
    from pyzbpf.events.merge import Merged
    from pyzbpf.links.base import Link
    from pyzbpf.runtime.object import Object
    from pyzbpf.runtime.pinned import reopen
    from pyzbpf.runtime.program import Program
    from pyzbpf.runtime.reopen import map as open_map
    from pyzbpf.runtime.streams import statistics
    from pyzbpf.spec.model import ObjectSpec
    from pyzbpf.spec.open import open

    __version__: str

__all__ = [
    "BuildError",
    "Error",
    "LayoutWarning",
    "Link",
    "Merged",
    "NotFoundError",
    "Object",
    "ObjectError",
    "ObjectSpec",
    "PrivilegeError",
    "Program",
    "SystemCallError",
    "UnsupportedError",
    "VerifierError",
    "__version__",
    "open",
    "open_map",
    "reopen",
    "statistics",
]

# Name -> module that defines it; every other public name is an error class.
_HOMES = {
    "Merged": "pyzbpf.events.merge",
    "Link": "pyzbpf.links.base",
    "Object": "pyzbpf.runtime.object",
    "ObjectSpec": "pyzbpf.spec.model",
    "Program": "pyzbpf.runtime.program",
    "open": "pyzbpf.spec.open",
    "open_map": "pyzbpf.runtime.reopen",
    "reopen": "pyzbpf.runtime.pinned",
    "statistics": "pyzbpf.runtime.streams",
}

# Names that are others in their module.
_NAMES = {"open_map": "map"}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            value: object = version("pyzbpf")
        except PackageNotFoundError:  # a source tree that is not installed
            value = "0+unknown"
    elif name in __all__:
        import sys

        home = _HOMES.get(name, "pyzbpf.errors")
        __import__(home)
        value = getattr(sys.modules[home], _NAMES.get(name, name))
    else:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
