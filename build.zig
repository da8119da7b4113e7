//! pyzbpf as a Zig package: module `bpf` for probes, and `addProbe` and `installProbe` for the build.zig of whoever
//! would rather run `zig build` than write a pyproject.toml.
//!
//!     const pyzbpf = @import("pyzbpf");
//!
//!     pub fn build(b: *std.Build) void {
//!         pyzbpf.installProbe(b, .{
//!             .name = "loopback",
//!             .root_source_file = b.path("probes/loopback.zig"),
//!             .python = b.option([]const u8, "python", "Python that has pyzbpf"),
//!         });
//!     }
//!
//! `zig build --fork="$(python -m pyzbpf.build.sdk)"` takes the package from where it is installed.
//!
//! What Zig emits is not yet an object that BPF loaders accept, so they let a Python that has
//! pyzbpf installed finish it, as the wheel build does.

const std = @import("std");
const builtin = @import("builtin");

/// The pin: only this release will do.
const zig_version = @import("build.zig.zon").minimum_zig_version;

comptime {
    // BTF, safety checks and std.Build change between releases; a wrong one fails in far worse words.
    if (!std.mem.eql(u8, builtin.zig_version_string, zig_version)) {
        @compileError("pyzbpf builds probes with Zig " ++ zig_version ++ ", and this is " ++
            builtin.zig_version_string ++ "; get it with: pip install ziglang==" ++ zig_version);
    }
}

pub const Cpu = enum { v1, v2, v3, v4 };
pub const Mode = enum { safe, small, fast };

pub const ProbeOptions = struct {
    /// The probe's name, as in "package:name".
    name: []const u8,
    root_source_file: std.Build.LazyPath,
    /// Byte order of the machine it is for; null is the one that builds.
    endian: ?std.builtin.Endian = null,
    /// `safe` keeps the safety checks, `small` and `fast` do without.
    mode: Mode = .safe,
    cpu: Cpu = .v3,
    /// Further modules that the probe imports, beside `bpf`.
    imports: []const std.Build.Module.Import = &.{},
    /// The Python that finishes the object; it must have pyzbpf installed. Null: python3 of PATH.
    python: ?[]const u8 = null,
    /// True leaves the object as the compiler wrote it, and needs no Python. Loaders refuse most.
    raw: bool = false,
};

/// Compiles a probe and returns its object.
pub fn addProbe(b: *std.Build, options: ProbeOptions) std.Build.LazyPath {
    const package = b.dependencyFromBuildZig(@This(), .{});
    return compileProbe(b, options, package.path("zig"), null);
}

/// Compiles a probe for one byte order, or for both where none is named, and installs NAME.bpfel.o and
/// NAME.bpfeb.o, as the build of a wheel (pyzbpf_add_zig_build() in CMake) wants them.
pub fn installProbe(b: *std.Build, options: ProbeOptions) void {
    for ([_]std.builtin.Endian{ .little, .big }) |endian| {
        if (options.endian != null and options.endian != endian) continue;
        var each = options;
        each.endian = endian;
        installObject(b, options.name, endian, addProbe(b, each));
    }
}

fn installObject(b: *std.Build, name: []const u8, endian: std.builtin.Endian, object: std.Build.LazyPath) void {
    const file = b.fmt("{s}.{s}.o", .{ name, architecture(endian) });
    b.getInstallStep().dependOn(&b.addInstallFile(object, file).step);
}

/// "bpfel" or "bpfeb": the middle of the file name that `pyzbpf.open("package:probe")` looks for.
pub fn architecture(endian: std.builtin.Endian) []const u8 {
    return switch (endian) {
        .little => "bpfel",
        .big => "bpfeb",
    };
}

pub fn build(b: *std.Build) void {
    _ = b.addModule("bpf", .{ .root_source_file = b.path("zig/bpf.zig") });
    // A project that depends on this package wants its module and its functions, no more.
    if (!b.isRoot()) return;

    const python = b.option([]const u8, "python", "Python that finishes the probes (python3 of PATH)");
    const raw = b.option(bool, "raw", "Leave the probes as the compiler wrote them (no)") orelse false;
    for (sources(b, "zig/probes")) |file| {
        for ([_]std.builtin.Endian{ .little, .big }) |endian| {
            const name = std.Io.Dir.path.stem(file);
            const object = compileProbe(b, .{
                .name = name,
                .root_source_file = b.path(b.pathJoin(&.{ "zig/probes", file })),
                .endian = endian,
                .python = python,
                .raw = raw,
            }, b.path("zig"), b.path("."));
            installObject(b, name, endian, object);
        }
    }

    const test_step = b.step("test", "Run the tests of the SDK that need no kernel");
    for (sources(b, "zig/tests")) |file| {
        const unit = b.addTest(.{
            .name = std.Io.Dir.path.stem(file),
            .root_module = b.createModule(.{
                .root_source_file = b.path(b.pathJoin(&.{ "zig/tests", file })),
                .target = b.graph.host,
            }),
        });
        const bpf = b.createModule(.{ .root_source_file = b.path("zig/bpf.zig"), .target = b.graph.host });
        unit.root_module.addImport("bpf", bpf);
        test_step.dependOn(&b.addRunArtifact(unit).step);
    }
}

fn compileProbe(
    b: *std.Build,
    options: ProbeOptions,
    sdk: std.Build.LazyPath,
    /// Where `python -m pyzbpf` runs, so that it finds the source tree; null: anywhere.
    working_directory: ?std.Build.LazyPath,
) std.Build.LazyPath {
    const endian = options.endian orelse b.graph.host.result.cpu.arch.endian();
    const target = b.resolveTargetQuery(std.Build.parseTargetQuery(.{
        .arch_os_abi = switch (endian) {
            .little => "bpfel-freestanding",
            .big => "bpfeb-freestanding",
        },
        .cpu_features = @tagName(options.cpu),
    }) catch unreachable);
    const bpf = b.createModule(.{ .root_source_file = sdk.path(b, "bpf.zig") });
    const probe = b.createModule(.{ .root_source_file = options.root_source_file, .imports = options.imports });
    probe.addImport("bpf", bpf);
    const root = b.createModule(.{
        .root_source_file = sdk.path(b, "bpf/root.zig"),
        .target = target,
        .optimize = switch (options.mode) {
            .safe => .safe,
            .small => .small,
            .fast => .fast,
        },
        // BTF is made from debug information only.
        .strip = false,
        .imports = &.{ .{ .name = "bpf", .module = bpf }, .{ .name = "probe", .module = probe } },
    });
    const object = b.addObject(.{ .name = options.name, .root_module = root }).getEmittedBin();
    if (options.raw) return object;

    const run = if (options.python) |python|
        b.addSystemCommand(&.{python})
    else
        b.addRunFile(b.findProgramLazy(.{ .names = &.{ "python3", "python" } }));
    run.setName(b.fmt("finish {s}", .{options.name}));
    if (working_directory) |directory| run.setCwd(directory);
    run.addArgs(&.{ "-m", "pyzbpf.build.finish", options.name, @tagName(endian) });
    run.addDirectoryArg(options.root_source_file.dirname());
    run.addDirectoryArg(sdk);
    run.addDirectoryArg(.zig_lib);
    run.addFileArg(object);
    return run.addOutputFileArg(b.fmt("{s}.{s}.o", .{ options.name, architecture(endian) }));
}

/// Names of the Zig files in a folder of this package, in a fixed order; none where it does not exist.
fn sources(b: *std.Build, folder: []const u8) []const []const u8 {
    const io = b.graph.io;
    const arena = b.graph.arena;
    var directory = b.root.openDir(io, folder, .{ .iterate = true }) catch |err| switch (err) {
        error.FileNotFound => return &.{},
        else => std.debug.panic("{s}: {t}", .{ folder, err }),
    };
    defer directory.close(io);
    b.dependOnDirectoryContents(b.path(folder));
    var names: std.ArrayList([]const u8) = .empty;
    var entries = directory.iterate();
    while (entries.next(io) catch |err| std.debug.panic("{s}: {t}", .{ folder, err })) |entry| {
        if (entry.kind != .file or !std.mem.endsWith(u8, entry.name, ".zig")) continue;
        names.append(arena, b.dupe(entry.name)) catch @panic("OOM");
    }
    std.mem.sort([]const u8, names.items, {}, lessThan);
    return names.items;
}

fn lessThan(_: void, left: []const u8, right: []const u8) bool {
    return std.mem.lessThan(u8, left, right);
}
