"""Finds the Zig compiler and runs it on one probe: source file -> raw BPF object."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from pyzbpf.build import diagnose, sdk
from pyzbpf.errors import BuildError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ENDIANS = ("little", "big")
# What an author may ask for, and the byte orders that each means.
ENDIAN_CHOICES: dict[str, tuple[str, ...]] = {
    "both": ENDIANS,
    "host": (sys.byteorder,),
    "little": ("little",),
    "big": ("big",),
}
ARCHITECTURES = {"little": "bpfel", "big": "bpfeb"}
# "safe" keeps Zig's safety checks, which are proofs for the verifier; C has none to keep.
ZIG_MODES = {"safe": "ReleaseSafe", "small": "ReleaseSmall", "fast": "ReleaseFast"}
# Clang's -Oz for BPF is not smaller in practice, but it is what "small" asks for.
C_MODES = {"safe": "-O2", "small": "-Oz", "fast": "-O2"}
CPUS = ("v1", "v2", "v3", "v4")
SUFFIXES = (".zig", ".c")

# Where Zig and clang name a file with a line: before a message, and in lists of references and of headers.
_PLACE = re.compile(
    r"^(?P<before>(?: +[^\n]*?: |In file included from )?)(?P<file>[^\s/\\:][^\n:]*):(?=\d+:)", re.MULTILINE
)

# A probe compiles in about a second with empty caches; a compiler that needs minutes has hung.
TIMEOUT_S = 300.0
TIMEOUT_VARIABLE = "PYZBPF_ZIG_TIMEOUT"


def find_zig() -> Path:
    """The compiler of the installed ``ziglang`` package, checked to be the pinned release.

    The environment variable PYZBPF_ZIG names another executable (of the same release).
    """
    wanted = sdk.zig_version()
    mend = f"run: {sys.executable} -m pip install ziglang=={wanted}"
    named = os.environ.get("PYZBPF_ZIG")
    if named:
        program = Path(named)
        mend = f"PYZBPF_ZIG is {named}"
    else:
        spec = find_spec("ziglang")
        if spec is None or not spec.submodule_search_locations:
            raise BuildError(f"the Zig compiler is missing; {mend} (or install 'pyzbpf[build]')")
        program = Path(next(iter(spec.submodule_search_locations))) / (
            "zig.exe" if sys.platform == "win32" else "zig"
        )
    try:
        version = run([str(program), "version"], cwd=None, timeout_s=60).stdout.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"the Zig compiler {program} cannot be run: {error}; {mend}") from error
    if version != wanted:
        raise BuildError(f"Zig {version} is installed, but probes are built with {wanted}; {mend}")
    return program


def global_cache(fallback: Path) -> Path:
    """Zig's cache for its standard library: the user's, or ``fallback`` where that is not writable.

    An unusable one must be found here: the compiler was seen to spin for ever on it.
    """
    for candidate in _user_caches():
        if _writable(candidate):
            return candidate
    return fallback


def compile_probe(
    source: Path,
    output: Path,
    *,
    endian: str,
    mode: str = "safe",
    cpu: str = "v3",
    cache: Path,
    modules: Mapping[str, Path] | None = None,
    include: Sequence[Path] = (),
    dependencies: Path | None = None,
    zig: Path | None = None,
) -> list[str]:
    """Compile ``source`` (``.zig`` or ``.c``) into the raw object ``output``; returns the command.

    ``modules`` are further Zig modules by import name, ``include`` directories of further C headers. For
    a C probe the compiler lists the files it has read in ``dependencies``. It runs in the probe's directory.
    BuildError carries its text, with the author's files named from where ``source`` is (a relative one: from the
    working directory), and, after it, advice where the limit is a known one.
    """
    zig = zig or find_zig()
    limit_s = timeout_s()
    given, source = source, source.resolve()
    if source.suffix == ".c":
        arguments = _clang(source, output, endian=endian, mode=mode, cpu=cpu)
        arguments += c_headers(endian, include, zig=zig)
        if dependencies is not None:
            arguments += ["-MD", "-MF", str(dependencies.resolve())]
    else:
        arguments = _zig(source, output, endian=endian, mode=mode, cpu=cpu, modules=modules or {})
    command = [str(zig), *arguments]
    try:
        done = run(command, cwd=source.parent, environment=environment(cache), timeout_s=limit_s)
    except subprocess.TimeoutExpired as error:
        raise BuildError(
            f"{given}: the Zig compiler did not end within {limit_s:g} s and was stopped; "
            f"look for a comptime loop without end, or set {TIMEOUT_VARIABLE} (seconds)"
        ) from error
    if done.returncode != 0 or not output.is_file():
        raise _failure(given, ARCHITECTURES[endian], done)
    return command


def path_prefixes(source: Path, *, zig: Path, cache: Path) -> list[tuple[str, str]]:
    """(folder, what stands for it) for the file names that the compiler leaves in `.BTF`.

    Zig writes the absolute name of every file that contributes a line: of the probe's own folder, of
    the SDK and of the standard library, and spells what lies elsewhere by the way from the working
    directory (``/project/probes/../../site-packages/...``).
    """
    here = source.resolve().parent
    prefixes = [(str(here), "")]
    for folder, stand_in in (
        (sdk.root() / "zig", "pyzbpf/zig/"),
        (zig.resolve().parent / "lib", "zig/"),
        (global_cache(cache / "global").resolve(), "zig-cache/"),
        (cache.resolve(), "zig-cache/"),
    ):
        prefixes.append((str(folder), stand_in))
        try:
            prefixes.append((os.path.join(here, os.path.relpath(folder, here)), stand_in))
        except ValueError:
            continue  # another drive, to which no way leads
    return prefixes


def timeout_s() -> float:
    """How long a compiler may take, as the user says or by default, in seconds."""
    text = os.environ.get(TIMEOUT_VARIABLE) or str(TIMEOUT_S)
    try:
        return float(text)
    except ValueError:
        raise BuildError(f"{TIMEOUT_VARIABLE} must be a number of seconds, not '{text}'") from None


def _zig(
    source: Path, output: Path, *, endian: str, mode: str, cpu: str, modules: Mapping[str, Path]
) -> list[str]:
    modules = {"bpf": sdk.module(), **modules}
    arguments = [
        "build-obj",
        "-target",
        f"{ARCHITECTURES[endian]}-freestanding",
        f"-mcpu={cpu}",
        "-O",
        ZIG_MODES[mode],
        "-fno-strip",  # BTF is made from debug information only
        "--color",
        "off",
    ]
    arguments += ["--dep", "probe", "--dep", "bpf", f"-Mroot={sdk.probe_root()}"]
    for name in modules:
        arguments += ["--dep", name]
    arguments.append(f"-Mprobe={source.name}")
    for name, path in modules.items():
        # A further module may use the SDK, too.
        if name != "bpf":
            arguments += ["--dep", "bpf"]
        arguments.append(f"-M{name}={path.resolve()}")
    # With an explicit path Zig compiles each time (0.1 s) rather than to answer from its cache; so the
    # object never carries the paths of an earlier place.
    return [*arguments, "--name", source.stem, f"-femit-bin={output.resolve()}"]


def _clang(source: Path, output: Path, *, endian: str, mode: str, cpu: str) -> list[str]:
    return [
        "cc",
        "-target",
        f"{ARCHITECTURES[endian]}-freestanding",
        f"-mcpu={cpu}",
        "-fno-jump-tables",  # which cpu v4 would have, and kernels before 6.19 do not take
        C_MODES[mode],
        "-g",
        "-c",
        source.name,
        "-o",
        str(output.resolve()),
    ]


def c_headers(endian: str, include: Sequence[Path], *, zig: Path) -> list[str]:
    """Where a C probe finds headers: the author's, ours (``bpf/*.h``), then the kernel's UAPI, which Zig has.

    The kernel's ``asm/`` says the byte order, so it is taken from a machine of the right one.
    """
    kernel = zig.resolve().parent / "lib" / "libc" / "include"
    machine = {"little": "x86-linux-any", "big": "s390x-linux-any"}[endian]
    options = [word for path in include for word in ("-I", str(path.resolve()))]
    for path in (sdk.c_include(), kernel / machine, kernel / "any-linux-any"):
        options += ["-isystem", str(path)]
    return options


def environment(cache: Path) -> dict[str, str]:
    """The variables that Zig runs with: caches of its own in ``cache``, unless the user has a global one."""
    return {
        **os.environ,
        "ZIG_LOCAL_CACHE_DIR": str(cache.resolve()),
        "ZIG_GLOBAL_CACHE_DIR": str(global_cache(cache / "global").resolve()),
        "NO_COLOR": "1",
    }


def run(
    command: Sequence[str],
    *,
    cwd: Path | None,
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, output and errors in one; TimeoutExpired when it and its children were killed."""
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,  # no effect on Windows
    ) as process:
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except BaseException:
            # Zig starts itself again for clang and lld; a child that lives on would hold the pipe.
            if sys.platform == "win32":
                process.kill()
            else:
                with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                    os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, output)


def _failure(source: Path, architecture: str, done: subprocess.CompletedProcess[str]) -> BuildError:
    message = f"{diagnose.place(done.stdout, source)}: Zig could not compile the probe for {architecture}"
    if done.returncode < 0 or "LLVM ERROR" in done.stdout:
        message += " (the compiler crashed)"
    known = diagnose.said_by_sdk(done.stdout) + diagnose.advice(done.stdout)
    return BuildError(
        "\n".join([message, *(f"  {text}" for text in known)]),
        output=placed(diagnose.shortened(done.stdout), source),
    )


def placed(output: str, source: Path) -> str:
    """A compiler's text, which names files from the probe's folder, with their names from where ``source`` is named."""

    def name(match: re.Match[str]) -> str:
        path = source.parent / match["file"]
        return f"{match['before']}{path.as_posix() if path.is_file() else match['file']}:"

    return _PLACE.sub(name, output)


def _user_caches() -> list[Path]:
    # The places and their order are Zig's own (std.zig.resolveGlobalCacheDir).
    environment = os.environ
    named = environment.get("ZIG_GLOBAL_CACHE_DIR")
    if named:
        return [Path(named)]
    if sys.platform == "win32":
        local = environment.get("LOCALAPPDATA")
        return [Path(local) / "zig"] if local else []
    if environment.get("XDG_CACHE_HOME"):
        return [Path(environment["XDG_CACHE_HOME"]) / "zig"]
    return [Path(environment["HOME"]) / ".cache" / "zig"] if environment.get("HOME") else []


def _writable(directory: Path) -> bool:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return True
    except OSError:
        return False
