"""What comes from Debian's archive: the types of kernels that are not this one, and cilium/ebpf.

Skipped without a way to the archive; PYZBPF_REQUIRE=archive makes that a failure.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import kernel
from tests.support.require import missing
from tests.vm import packages

HERE = Path(__file__).parent
# Tests that load programs into the running kernel, whatever types they are for.
LOADING = {
    "test_libbpf_patches_the_same_instructions",
    "test_it_loads_what_we_load",
    "test_it_loads_what_libbpf_loads",
    "test_a_difference_is_seen",
}


class KernelTypes(NamedTuple):
    """A kernel's BTF in a file, and its byte order."""

    release: str
    path: Path
    endian: str


# (architecture, series): as far apart as the archive has them, so that layouts differ.
LITTLE = (("amd64", "5.10"), ("amd64", "6.12"), ("amd64", "newest"), ("arm64", "6.1"))
BIG = (("s390x", "6.12"),)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if HERE in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.zig)
    kernel.mark(item for item in ours if getattr(item, "originalname", "") in LOADING)


class Archive:
    """Hands out each kernel's types, downloaded once and kept in the cache."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def types(self, architecture: str, series: str) -> KernelTypes:
        path = self._folder / f"{architecture}-{series}.btf"
        try:
            found = packages.resolve(architecture, series)
            if not path.exists():
                path.write_bytes(packages.kernel_btf(found))
        except (packages.Unavailable, OSError) as error:
            missing("archive", f"needs Debian's archive, by apt: {error}")
        return KernelTypes(found.release, path, "big" if architecture == "s390x" else "little")


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return Archive(tmp_path_factory.mktemp("btf"))


@pytest.fixture(params=LITTLE, ids="-".join)
def little(request: pytest.FixtureRequest, archive: Archive) -> KernelTypes:
    """Each little-endian kernel."""
    return archive.types(*request.param)


@pytest.fixture(params=[*LITTLE, *BIG], ids="-".join)
def types(request: pytest.FixtureRequest, archive: Archive) -> KernelTypes:
    """Each kernel."""
    return archive.types(*request.param)
