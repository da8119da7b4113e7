"""Names of the functions at addresses in processes."""

from __future__ import annotations

from bisect import bisect_right
from os.path import basename

from pyzbpf.elf.functions import Functions
from pyzbpf.kernel import processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.kernel.processes import Region

# Where distributions put the symbols that they cut off: by the note of the build.
DEBUG_FILES = "/usr/lib/debug/.build-id"


class Files:
    """ELF files that were read, each once, for all processes."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, tuple[Functions, Functions]] = {}

    def of(self, pid: int, region: Region) -> tuple[Functions, Functions]:
        """The functions of the file in a region: (of the file itself, of the file that has its symbols)."""
        known = self._known.get(region.path)
        if known is None:
            own = Functions(processes.contents(pid, region))
            known = self._known[region.path] = (own, own if own.whole else _debug_file(own) or own)
        return known


def _debug_file(functions: Functions) -> Functions | None:
    name = functions.build_id
    if not name:
        return None
    try:
        with open(f"{DEBUG_FILES}/{name[:2]}/{name[2:]}.debug", "rb") as file:
            found = Functions(file.read())
    except OSError:
        return None
    return found if found.build_id == name else None


class ProcessSymbols:
    """The functions of a process as they lay when this was made; it may be gone when names are asked for."""

    __slots__ = ("_files", "_made", "_regions", "_starts", "pid")

    def __init__(self, pid: int, files: Files) -> None:
        self.pid = pid
        self._files = files
        self._regions = processes.regions(pid)
        self._starts = [region.start for region in self._regions]
        self._made = processes.perf_map(pid)
        for region in self._regions:
            if region.path.startswith("/"):
                files.of(pid, region)  # now, while the process is there to be asked

    def __bool__(self) -> bool:
        return bool(self._regions)

    def name(self, address: int) -> str | None:
        """The function at an address, or ``[file]`` where no symbol tells of it; None outside of all regions."""
        index = bisect_right(self._starts, address) - 1
        region = self._regions[index] if index >= 0 else None
        made = self._made_at(address)
        if made is not None or region is None or address >= region.end:
            return made
        if not region.path.startswith("/"):
            return region.path or "[anonymous]"
        own, symbols = self._files.of(self.pid, region)
        place = own.address_of(address - region.start + region.offset)
        return (symbols.at(place) if place is not None else None) or f"[{basename(region.path)}]"

    def _made_at(self, address: int) -> str | None:
        """What a just-in-time compiler has told of its code."""
        index = bisect_right(self._made, (address, 1 << 64, "")) - 1
        if index < 0 or not self._made[index][0] <= address < self._made[index][1]:
            return None
        return self._made[index][2]
