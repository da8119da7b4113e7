"""``[tool.pyzbpf]`` of a project's pyproject.toml: read, checked key by key, resolved to files."""

from __future__ import annotations

import difflib
import keyword
import re
import sys
from pathlib import Path, PurePath

from pyzbpf.build.compiler import CPUS, ENDIAN_CHOICES, SUFFIXES, ZIG_MODES
from pyzbpf.errors import BuildError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

TABLE = "[tool.pyzbpf]"
# Keys with a fixed choice, and what stands for an absent one.
CHOICES: dict[str, tuple[str, ...]] = {
    "endian": tuple(ENDIAN_CHOICES),
    "mode": tuple(ZIG_MODES),
    "cpu": CPUS,
}
DEFAULTS = {"endian": "both", "mode": "safe", "cpu": "v3"}
# What may be said for one probe alone, in [tool.pyzbpf.override.NAME]; the byte order is the wheel's.
PROBE_KEYS = ("mode", "cpu", "modules", "include")
KEYS = ("probes", *CHOICES, "package", "modules", "include", "override")
# Import names that mean something already in every probe.
RESERVED_MODULES = ("bpf", "builtin", "probe", "root", "std")
EXAMPLE = 'probes = ["probes/*.zig"]'

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_PROBE = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class Options:
    """How one probe is compiled.

    ``modules`` are further Zig modules by import name, ``include`` directories of C headers.
    """

    __slots__ = ("cpu", "include", "mode", "modules")

    def __init__(self, *, mode: str, cpu: str, modules: dict[str, Path], include: list[Path]) -> None:
        self.mode = mode
        self.cpu = cpu
        self.modules = modules
        self.include = include


class Settings:
    """What a project asks for.

    ``probes`` are the source files by probe name, ``options`` how each is compiled, ``common`` how any other
    source of the project is, ``patterns`` the globs that found them, ``package`` the dotted import package
    that the objects go into.
    """

    __slots__ = ("common", "endian", "options", "package", "patterns", "probes")

    def __init__(
        self,
        *,
        probes: dict[str, Path],
        options: dict[str, Options],
        common: Options,
        patterns: list[str],
        endian: str,
        package: str,
    ) -> None:
        self.probes = probes
        self.options = options
        self.common = common
        self.patterns = patterns
        self.endian = endian
        self.package = package


def load(root: Path) -> dict[str, Any]:
    """The project's pyproject.toml as it stands."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib  # scikit-build-core depends on it there; `pyzbpf build` does without

    path = root / "pyproject.toml"
    try:
        with path.open("rb") as file:
            found: dict[str, Any] = tomllib.load(file)
    except FileNotFoundError:
        raise BuildError(f"{path}: there is no such file") from None
    except tomllib.TOMLDecodeError as error:
        raise BuildError(f"{path}: {error}") from error
    return found


def read(pyproject: Mapping[str, Any], root: Path) -> Settings:
    """Check ``[tool.pyzbpf]`` and find the probes; every mistake is refused by name."""
    table = pyproject.get("tool", {}).get("pyzbpf")
    if table is None:
        raise BuildError(f"pyproject.toml: there is no {TABLE}; add it with {EXAMPLE}")
    if not isinstance(table, dict):
        raise BuildError(f"pyproject.toml: tool.pyzbpf must be a table: {TABLE}")
    _check_keys(table, KEYS, TABLE)
    endian = _choice(table, "endian", TABLE)
    common = _options(table, root, TABLE)
    patterns = _patterns(table)
    probes = find_probes(root, patterns)
    options = dict.fromkeys(probes, common)
    for name, own in _override_tables(table, probes).items():
        options[name] = _options({**table, **own}, root, f"[tool.pyzbpf.override.{name}]")
    package = _package(table, pyproject, root)
    return Settings(
        probes=probes, options=options, common=common, patterns=patterns, endian=endian, package=package
    )


def find_project(source: Path) -> Path | None:
    """The folder of the project that ``source`` belongs to: the nearest above with ``[tool.pyzbpf]``."""
    for folder in source.resolve().parents:
        try:
            text = (folder / "pyproject.toml").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if "tool.pyzbpf" in text and "pyzbpf" in load(folder).get("tool", {}):
            return folder
    return None


def of_source(source: Path, project: Path | None) -> dict[str, Any]:
    """How ``source`` is built, as keywords of `build_probe`: as its project says, or by default where there is none.

    For a source that is no probe of the project holds what ``[tool.pyzbpf]`` says of all.
    """
    if project is None:
        return {**DEFAULTS, "modules": {}, "include": []}
    found = read(load(project), project)
    name = stem(source)
    is_probe = found.probes.get(name) == source.resolve()
    options = found.options[name] if is_probe else found.common
    return {"endian": found.endian, **{key: getattr(options, key) for key in PROBE_KEYS}}


def find_probes(root: Path, patterns: Iterable[str]) -> dict[str, Path]:
    """Probe name -> source file, in the order of the names."""
    found: dict[str, Path] = {}
    for pattern in patterns:
        files = sorted(path.resolve() for path in root.glob(pattern) if path.is_file())
        if not files:
            raise BuildError(f"pyproject.toml: {TABLE} probes: '{pattern}' matches no file below {root}")
        for path in files:
            try:
                name = probe_name(path)
            except BuildError as error:
                raise BuildError(f"pyproject.toml: {TABLE} probes: '{pattern}': {error}") from None
            if found.setdefault(name, path) != path:
                raise BuildError(
                    f"pyproject.toml: {TABLE} probes: two files would make probe '{name}': "
                    f"{found[name]} and {path}; rename one"
                )
    return dict(sorted(found.items()))


def stem(path: Path) -> str:
    """The file's name without its endings; C programs of libbpf's users are ``name.bpf.c``."""
    return path.stem.removesuffix(".bpf")


def probe_name(path: Path) -> str:
    """The name of the probe that ``path`` makes: the file's, which must be an identifier."""
    if path.suffix not in SUFFIXES:
        raise BuildError(f"{path}: a probe is a {' or '.join(SUFFIXES)} file")
    name = stem(path)
    if not _PROBE.fullmatch(name):
        raise BuildError(
            f"{path}: '{name}' cannot be the name of a probe; use letters, digits and underscores, "
            f"as in '{re.sub(r'[^0-9A-Za-z_]+', '_', name).lstrip('0123456789') or 'probe'}{path.suffix}'"
        )
    return name


def check_choice(key: str, value: object) -> str:
    """``value`` if it is allowed for ``key`` ("endian", "mode" or "cpu"); BuildError else."""
    allowed = CHOICES[key]
    if not isinstance(value, str) or value not in allowed:
        raise BuildError(f"{key} cannot be {value!r}{_instead(str(value), allowed)}")
    return value


def _check_keys(table: Mapping[str, Any], allowed: Iterable[str], where: str) -> None:
    for key in table:
        if key not in allowed:
            raise BuildError(f"pyproject.toml: {where} has no key '{key}'{_instead(key, allowed)}")


def _choice(table: Mapping[str, Any], key: str, where: str) -> str:
    try:
        return check_choice(key, table.get(key, DEFAULTS[key]))
    except BuildError as error:
        raise BuildError(f"pyproject.toml: {where} {error}") from None


def _options(table: Mapping[str, Any], root: Path, where: str) -> Options:
    return Options(
        mode=_choice(table, "mode", where),
        cpu=_choice(table, "cpu", where),
        modules=_modules(table.get("modules", {}), root, where),
        include=_include(table.get("include", []), root, where),
    )


def _modules(value: object, root: Path, where: str) -> dict[str, Path]:
    example = 'modules = { wire = "zig/wire.zig" }'
    if not isinstance(value, dict) or not all(isinstance(path, str) for path in value.values()):
        raise BuildError(
            f"pyproject.toml: {where} modules must be Zig files by import name, as in {example}, not {value!r}"
        )
    for name, path in value.items():
        if not _PROBE.fullmatch(name) or name in RESERVED_MODULES:
            raise BuildError(
                f"pyproject.toml: {where} modules: '{name}' cannot be the name of a module: letters, digits and "
                f"underscores, and none of {', '.join(RESERVED_MODULES)}"
            )
        if not path.endswith(".zig") or not (root / path).is_file():
            raise BuildError(
                f"pyproject.toml: {where} modules: '{name}': '{path}' is no Zig file below {root}"
            )
    return {name: (root / path).resolve() for name, path in value.items()}


def _include(value: object, root: Path, where: str) -> list[Path]:
    example = 'include = ["include"]'
    if not isinstance(value, list) or not all(isinstance(path, str) for path in value):
        raise BuildError(
            f"pyproject.toml: {where} include must be a list of directories, as in {example}, not {value!r}"
        )
    for path in value:
        if not (root / path).is_dir():
            raise BuildError(f"pyproject.toml: {where} include: '{path}' is no directory below {root}")
    return [(root / path).resolve() for path in value]


def _override_tables(table: Mapping[str, Any], probes: Iterable[str]) -> dict[str, dict[str, Any]]:
    tables = table.get("override", {})
    example = "[tool.pyzbpf.override.NAME]"
    if not isinstance(tables, dict):
        raise BuildError(
            f"pyproject.toml: {TABLE} override must hold tables, as in {example}, not {tables!r}"
        )
    for name, own in tables.items():
        if name not in probes:
            raise BuildError(
                f"pyproject.toml: [tool.pyzbpf.override.{name}]: there is no probe '{name}'{_instead(name, probes)}"
            )
        if not isinstance(own, dict):
            raise BuildError(f"pyproject.toml: {TABLE} override.{name} must be a table: {example}")
        _check_keys(own, PROBE_KEYS, f"[tool.pyzbpf.override.{name}]")
    return tables


def _patterns(table: Mapping[str, Any]) -> list[str]:
    where = f"pyproject.toml: {TABLE} probes"
    patterns = table.get("probes")
    if patterns is None:
        raise BuildError(f"{where} is missing; say which files are probes, as in {EXAMPLE}")
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise BuildError(f"{where} must be a list of glob patterns, as in {EXAMPLE}, not {patterns!r}")
    if not patterns:
        raise BuildError(f"{where} is empty; say which files are probes, as in {EXAMPLE}")
    for pattern in patterns:
        path = PurePath(pattern)
        if path.is_absolute() or path.drive or ".." in path.parts or not path.parts:
            raise BuildError(f"{where}: '{pattern}' must be a pattern below the project, as in {EXAMPLE}")
    return patterns


def package_folder(root: Path, package: str) -> Path | None:
    """Where the modules of a dotted package are, or would be: below its first part, if a project has that."""
    parts = package.split(".")
    for base in (root / "src", root / "python", root):  # as scikit-build-core looks for them
        if (base / parts[0]).is_dir():
            return base.joinpath(*parts)
    return None


def _package(table: Mapping[str, Any], pyproject: Mapping[str, Any], root: Path) -> str:
    name = pyproject.get("project", {}).get("name")
    # The import name as scikit-build-core finds it.
    own = re.sub(r"[-.]", "_", name) if isinstance(name, str) else None
    package = table.get("package", own)
    if package is None:
        raise BuildError("pyproject.toml: [project] name is missing")
    if not isinstance(package, str) or not _MODULE.fullmatch(package):
        text = str(package).strip("/").replace("/", ".")
        near = f"; did you mean '{text}'?" if _MODULE.fullmatch(text) else ""
        raise BuildError(
            f"pyproject.toml: {TABLE} package must be the dotted name of an import package, "
            f"as in 'mytool' or 'mytool.probes', not {package!r}{near}"
        )
    for part in package.split("."):
        if keyword.iskeyword(part):
            raise BuildError(
                f"pyproject.toml: {TABLE} package: no `import` can name '{package}', for '{part}' is a word of "
                f"Python's own; choose another, as in '{package.replace(part, part + '_')}'"
            )
    if own is not None and package_folder(root, package) is None:
        folder = package_folder(root, own)
        packages = pyproject.get("tool", {}).get("scikit-build", {}).get("wheel", {}).get("packages")
        # A project of objects alone may put them anywhere, and one that lists its packages knows.
        if folder is not None and packages is None:
            where = folder.parent.relative_to(root)
            raise BuildError(
                f"pyproject.toml: {TABLE} package: the project has no package '{package}', but '{own}' "
                f"({folder.relative_to(root).as_posix()}); if the objects go into one that has nothing else, make the "
                f"folder {(where / package.split('.')[0]).as_posix()}"
            )
    _check_subpackage(root, package)
    return package


def _check_subpackage(root: Path, package: str) -> None:
    """A subpackage that has nothing but objects has no folder; one that is spelt like a folder is a mistake."""
    folder = package_folder(root, package)
    if folder is None or folder.is_dir() or not folder.parent.is_dir():
        return
    others = [path.name for path in folder.parent.iterdir() if path.is_dir()]
    near = difflib.get_close_matches(folder.name, others, n=1, cutoff=0.6)
    if near:
        raise BuildError(
            f"pyproject.toml: {TABLE} package: the project has no package '{package}'; did you mean "
            f"'{package.removesuffix(folder.name)}{near[0]}'? If not, make the folder "
            f"{folder.relative_to(root).as_posix()}"
        )


def _instead(word: str, allowed: Iterable[str]) -> str:
    # "; did you mean 'x'? Allowed: ..." - one sentence for keys and values.
    allowed = list(allowed)
    near = difflib.get_close_matches(word.lower(), allowed, n=1, cutoff=0.6)
    return (f"; did you mean '{near[0]}'?" if near else ";") + f" Allowed: {', '.join(allowed)}"
