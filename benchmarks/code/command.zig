//! Raw tracepoint: the command's name compared with a text that Python sets.

const bpf = @import("bpf");

export var wanted: bpf.Text(16) linksection(".rodata") = .{ 'p', 'y', 't', 'h', 'o', 'n' } ++ @as([10]c_char, @splat(0));
export var matches: u64 = 0;
export var others: u64 = 0;

export fn prog(_: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    var command: bpf.Text(16) = undefined;
    bpf.process.command(&command);
    for (command, wanted) |have, want| {
        if (have != want) {
            others += 1;
            return 0;
        }
        if (have == 0) break;
    }
    matches += 1;
    return 1;
}
