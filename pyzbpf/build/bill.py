"""The bill of materials of a wheel (PEP 770): what its objects were made with, and their hashes.

CMake runs ``bill JOB.json`` when all objects of a wheel are there, and installs what it writes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from pathlib import Path, PurePosixPath

from pyzbpf.build import sdk
from pyzbpf.build.compile import do_job, replace
from pyzbpf.build.index import FILE
from pyzbpf.build.stubs import SUFFIX
from pyzbpf.errors import BuildError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

JOB_KEYS = (
    "name", "version", "objects", "object_directory", "install_directory", "project_directory", "bill",
)  # fmt: skip


def bill(objects: Mapping[str, bytes], *, name: str, version: str) -> dict[str, Any]:
    """CycloneDX 1.6 of the objects by their names in the wheel; the same for the same.

    ``name`` and ``version`` are those of the project.
    """
    # Without time and serial number: two builds of one source give the same.
    from pyzbpf import __version__

    name = re.sub(r"[-_.]+", "-", name).lower()
    pyzbpf = f"pkg:pypi/pyzbpf@{version if name == 'pyzbpf' else __version__}"
    zig = f"pkg:pypi/ziglang@{sdk.zig_version()}"
    own = f"pkg:pypi/{name}@{version}"
    tools = [_component("library", pyzbpf), _component("application", zig)]
    files = [
        {
            "type": "file",
            "bom-ref": path,
            "name": path,
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(data).hexdigest()}],
        }
        for path, data in objects.items()
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _component("application", own)},
        "components": [*(tool for tool in tools if tool["purl"] != own), *files],
        "dependencies": [
            {"ref": own, "dependsOn": [file["bom-ref"] for file in files]},
            *({"ref": file["bom-ref"], "dependsOn": [pyzbpf, zig]} for file in files),
        ],
    }


def check_paths(objects: Iterable[Path], project: Path) -> None:
    """Refuse what would tell where it was built: an object of these, or what is written for it, with the path in it."""
    if len(project.parts) <= 2:
        return  # a folder directly below the top has a name that may stand in any text
    files = set()
    for path in objects:
        probe = path.name.split(".")[0]
        files |= {
            path,
            path.with_name(FILE),
            *(path.with_name(f"{probe}{SUFFIX}{end}") for end in (".py", ".pyi")),
        }
    found = [path.name for path in sorted(files) if os.fsencode(project) + b"/" in path.read_bytes()]
    if found:
        raise BuildError(
            f"{', '.join(found)} would tell where it was built ({project}); does the probe have a text with the "
            "path in it?"
        )


def run_job(job: Mapping[str, str]) -> None:
    """Check the objects of a wheel, and write its bill."""
    paths = [Path(path) for path in job["objects"].split(";")]
    check_paths(paths, Path(job["project_directory"]))
    below = PurePosixPath(job["install_directory"])
    objects = {
        (below / path.relative_to(job["object_directory"]).as_posix()).as_posix(): path.read_bytes()
        for path in paths
    }
    text = json.dumps(bill(objects, name=job["name"], version=job["version"]), indent=1)
    target = Path(job["bill"])
    target.unlink(missing_ok=True)  # that the build tool sees it made anew
    replace(target, f"{text}\n".encode())


def _component(kind: str, purl: str) -> dict[str, str]:
    name, _, version = purl.removeprefix("pkg:pypi/").partition("@")
    return {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl}


def main(arguments: Sequence[str]) -> int:
    """Do the job that a JSON file describes."""
    return do_job(arguments, JOB_KEYS, run_job)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
