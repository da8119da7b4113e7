"""The probes of a project with a build.zig: runs ``zig build``, and takes what it installs into the wheel.

CMake runs ``zig_build JOB.json``; see pyzbpf_add_zig_build() in pyzbpf-config.cmake.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from pyzbpf.build import compiler, dependencies, sdk
from pyzbpf.build.compile import do_job, pairs, replace, stamp, write_modules
from pyzbpf.errors import BuildError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

JOB_KEYS = ("directory", "probes", "endian", "options", "output_directory", "prefix", "cache", "stamp")
# What a build.zig lacks, by what Zig says of it.
ADVICE = {
    "-Dpython": "build.zig must give the Python that finishes the probes to addProbe() or installProbe(): "
    '.python = b.option([]const u8, "python", "Python that has pyzbpf")',
    "matched no pyzbpf packages": "build.zig.zon must name the dependency pyzbpf by .url and .hash, as "
    "`zig fetch --save` writes them; the package itself comes from the installed pyzbpf",
}


def run(directory: Path, *, prefix: Path, cache: Path, options: Sequence[str] = ()) -> None:
    """Run ``zig build`` in ``directory`` with the installed pyzbpf as the package of that name, without network.

    BuildError carries Zig's text unchanged, with advice where the cause is a known one.
    """
    command = [
        str(compiler.find_zig()), "build", "--prefix", str(prefix), f"--fork={sdk.root()}",
        f"-Dpython={sys.executable}", *options,
    ]  # fmt: skip
    environment = {
        # Zig compiles its build runner at first use: for minutes, or this way for half of one.
        "ZIG_DEBUG_CMD": "1",
        **compiler.environment(cache),
        "ZIG_LOCAL_PKG_DIR": str(cache / "packages"),
    }
    limit_s = compiler.timeout_s()
    try:
        done = compiler.run(command, cwd=directory, environment=environment, timeout_s=limit_s)
    except subprocess.TimeoutExpired as error:
        raise BuildError(
            f"{directory / 'build.zig'} did not end within {limit_s:g} s and was stopped; "
            f"set {compiler.TIMEOUT_VARIABLE} (seconds) if it needs longer"
        ) from error
    if done.returncode != 0:
        known = [text for sign, text in ADVICE.items() if sign in done.stdout]
        raise BuildError(
            "\n".join([f"{directory / 'build.zig'}: zig build failed", *(f"  {text}" for text in known)]),
            output=done.stdout,
        )


def run_job(job: Mapping[str, str]) -> None:
    """Build, and put the objects and the modules of the probes where CMake installs them from."""
    directory, prefix, output = Path(job["directory"]), Path(job["prefix"]), Path(job["output_directory"])
    run(
        directory,
        prefix=prefix,
        cache=Path(job["cache"]),
        options=list(filter(None, job["options"].split(";"))),
    )
    digest = hashlib.sha256()
    for name, source in pairs(job["probes"]):
        objects = []
        for order in compiler.ENDIAN_CHOICES[job["endian"]]:
            made = prefix / f"{name}.{compiler.ARCHITECTURES[order]}.o"
            if not made.is_file():
                raise BuildError(
                    f"{directory / 'build.zig'} installs no {made.name}; its install step must, as "
                    "installProbe() of pyzbpf does"
                )
            data = made.read_bytes()
            digest.update(data)
            objects.append(output / made.name)
            replace(objects[-1], data)
            stamp(objects[-1])
        write_modules(objects, name, dependencies.zig_files(source, {}) or [source])
    replace(Path(job["stamp"]), digest.hexdigest().encode())


def main(arguments: Sequence[str]) -> int:
    """Do the job that a JSON file describes."""
    return do_job(arguments, JOB_KEYS, run_job)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
