"""How cost grows: events, entries and programs; linear is a flat column."""

from __future__ import annotations

import resource

import pyzbpf
from benchmarks.data.programs import load, objects
from benchmarks.data.rings import Ring, batches, check
from benchmarks.data.setting import Row, Setting, clock


def rows(setting: Setting) -> list[Row]:
    """Each size beside the smallest: time for one."""
    return [*_events(setting), *_entries(setting), *_programs(setting)]


def _events(setting: Setting) -> list[Row]:
    sizes = [10**4, 10**5, 10**6, *([10**7] if setting.scale >= 1 else [])]
    drain = batches(lambda batch: sum(batch.column("number")))
    found: list[Row] = []
    memory: list[float] = []
    before = 0.0
    with setting.spec("ring").load() as probe:
        part = Ring(setting, probe, "events", "uniform", 10**4)
        part.python(drain)()  # what is imported by the first batch
        for size in sizes:
            took = 0.0
            with part.reader() as reader:
                for _ in range(size // part.count):
                    wanted = part.fill()
                    start = clock()
                    seen = drain(reader)
                    took += clock() - start
                    check(seen, wanted)
            each = took / size
            before = before or each
            found.append(Row(f"{size} events, column without numpy, for one", "10⁴ events", before, each))
            memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    what = f"peak memory of the benchmark after {sizes[-1]} events"
    found.append(Row(what, "after 10⁴ events", memory[0], memory[-1], "", "MiB"))
    return found


def _entries(setting: Setting) -> list[Row]:
    found, before = [], 0.0
    for size in [10**3, 10**4, 10**5, *([10**6] if setting.scale >= 1 else [])]:
        with setting.spec("ring").load() as probe:
            table = probe.maps["table"]
            table.update((number, number) for number in range(size))

            def dump(table: object = table, size: int = size) -> float:
                start = clock()
                check(sum(sum(values) for _, values in table.chunks()), sum(range(size)))  # type: ignore[attr-defined]
                return (clock() - start) / size

            (each,) = setting.turns(dump)
        before = before or each
        found.append(Row(f"{size} entries of a table for 2²⁰, dumped, for one", "10³ entries", before, each))
    return found


def _programs(setting: Setting) -> list[Row]:
    found, before = [], 0.0
    for count in (1, 10, 50, 200):
        path = objects(setting, count)
        assert len(pyzbpf.open(path).programs) == count
        (took,) = setting.turns(load(path, 1))
        before = before or took / 1e6
        found.append(
            Row(f"{count} programs, loaded, for one", "1 program", before, took / 1e6 / count, "", "ms")
        )
    return found
