//! Safety checks that fail in functions which programs call, in callbacks, and while a ring-buffer
//! record is held.

const bpf = @import("bpf");

const Context = *const bpf.RawTracepoint;
const here = "raw_tp/sys_enter";
const Event = extern struct { value: u64, text: [16]u8 };

pub const trap_verdicts = .{ .two_deep = -7, .passed_record = 1000 };

export var events: bpf.RingBuf(Event) linksection(".maps") = .{};
export var table: [16]u64 = .{ 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25 };
export var after: u64 = 0;

noinline fn inner(index: u64) u64 {
    return table[index];
}

noinline fn middle(index: u64) u64 {
    const first = inner(index);
    return first + inner(index + 1);
}

/// A check that fails two calls below ends the program: `after` is not counted.
export fn two_deep(ctx: Context) linksection(here) c_int {
    const sum = middle(ctx.args[0]);
    after += 1;
    return @intCast(sum);
}

/// Another program shares the functions.
export fn in_loop(ctx: Context) linksection(here) c_int {
    var sum: u64 = 0;
    for (0..4) |step| sum += middle(ctx.args[0] + step);
    return @intCast(sum);
}

noinline fn store(text: *[16]u8, index: u64, value: u8) void {
    text[index] = value;
}

/// The record that the program holds goes back to the buffer, here and in the function below.
export fn held_record(ctx: Context) linksection(here) c_int {
    const event = events.reserve() orelse return -1;
    event.value = table[ctx.args[0]];
    event.text = @splat('.');
    store(&event.text, ctx.args[1], 'x');
    events.submit(event);
    return 1;
}

noinline fn fill(event: *Event, index: u64) void {
    event.value = table[index];
    event.text = @splat('-');
    events.submit(event);
}

/// The record belongs to the function that submits it.
export fn passed_record(ctx: Context) linksection(here) c_int {
    const event = events.reserve() orelse return -1;
    fill(event, ctx.args[0]);
    return 1 + @as(c_int, @intCast(inner(ctx.args[1])));
}

noinline fn acquire(index: u64) ?*Event {
    if (table[index] == 12) return null;
    return events.reserve();
}

/// A record that a function returns, or not.
export fn returned_record(ctx: Context) linksection(here) c_int {
    const event = acquire(ctx.args[0]) orelse return 2;
    event.* = .{ .value = inner(ctx.args[1]), .text = @splat('+') };
    events.submit(event);
    return 1;
}

noinline fn acquireSurely(index: u64) *Event {
    const value = table[index];
    const event = events.reserve() orelse @panic("full");
    event.value = value;
    return event;
}

/// A record that a function returns or is left.
export fn certain_record(ctx: Context) linksection(here) c_int {
    const event = acquireSurely(ctx.args[0]);
    event.value += inner(ctx.args[1]);
    event.text = @splat('!');
    events.submit(event);
    return 3;
}

const Sum = struct { start: u64, total: u64 = 0 };

fn addOne(index: u32, sum: *Sum) bpf.Next {
    sum.total += table[sum.start + index];
    return if (sum.total > 60) .stop else .again;
}

export fn callback(ctx: Context) linksection(here) c_int {
    var sum: Sum = .{ .start = ctx.args[0] };
    bpf.loop(4, &sum, addOne);
    after += 1;
    return @intCast(sum.total);
}

/// Writes downward: the frame's lowest byte is named nowhere.
noinline fn decimal(number: u64, wanted: u64) u64 {
    var digits: [24]u8 = @splat('0');
    var at: usize = digits.len;
    var rest = number;
    while (at > 4) {
        at -= 1;
        digits[at] = '0' + @as(u8, @intCast(rest % 10));
        rest /= 10;
        if (rest == 0) break;
    }
    const length = inner(wanted);
    return digits[(length +% at) & 15] +% @as(u64, digits[23]) * 1000;
}

export fn busy_frame(ctx: Context) linksection(here) c_int {
    return @intCast(decimal(ctx.args[0], ctx.args[1]));
}

noinline fn give_up(code: u64) noreturn {
    after += code;
    @panic("given up");
}

/// A function that never returns, and one that takes four of the five registers.
noinline fn four(part: []const u64, index: u64, limit: u64) u64 {
    if (index > limit) give_up(index);
    return part[index & 15];
}

export fn never_returns(ctx: Context) linksection(here) c_int {
    return @intCast(four(&table, ctx.args[0], ctx.args[1]));
}
