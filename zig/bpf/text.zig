//! Text in events and maps.

/// `n` bytes of NUL-ended text: Python reads a str. (An array of u8 is bytes to it.)
pub fn Text(comptime n: usize) type {
    return [n]c_char;
}

/// These words as `Text(n)`, filled up with zeros: names in structs of functions, values set at compile time.
pub inline fn asText(comptime n: usize, comptime words: []const u8) Text(n) {
    comptime {
        if (words.len >= n) @compileError("\"" ++ words ++ "\" and its NUL do not fit into " ++ @typeName(Text(n)));
        var text: Text(n) = @splat(0);
        for (words, text[0..words.len]) |byte, *place| place.* = @bitCast(byte);
        return text;
    }
}

/// Whether an array of characters holds this text, NUL-ended: `bpf.isText(&event.command, "bash")`.
pub inline fn isText(array: anytype, comptime text: []const u8) bool {
    if (text.len >= array.len) @compileError("\"" ++ text ++ "\" and its NUL do not fit into " ++ @typeName(@TypeOf(array.*)));
    return startsWith(array, text) and array[text.len] == 0;
}

/// Whether an array of characters begins with this text.
pub inline fn startsWith(array: anytype, comptime text: []const u8) bool {
    if (text.len > array.len) @compileError("\"" ++ text ++ "\" does not fit into " ++ @typeName(@TypeOf(array.*)));
    inline for (text, 0..) |letter, place| {
        if (@as(u8, @bitCast(array[place])) != letter) return false;
    }
    return true;
}
