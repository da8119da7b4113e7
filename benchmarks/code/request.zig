//! XDP: a state machine over 64 bytes that reads the first line of a request.

const bpf = @import("bpf");

const State = enum { method, path, version, done };

export var requests: u64 = 0;
export var path_bytes: u64 = 0;
export var numbers: u64 = 0;

export fn prog(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const text = bpf.packet.at([64]u8, ctx, 14) orelse return bpf.XDP.PASS;
    var state: State = .method;
    var length: u32 = 0;
    var number: u32 = 0;
    for (text) |byte| {
        switch (state) {
            .method => if (byte == ' ') {
                state = .path;
            } else if (byte < 'A' or byte > 'Z') return bpf.XDP.DROP,
            .path => if (byte == ' ') {
                state = .version;
            } else {
                length += 1;
            },
            .version => if (byte == '\r') {
                state = .done;
            } else if (byte >= '0' and byte <= '9') {
                number = number *% 10 +% (byte - '0'); // of more than nine digits the rest counts
            },
            .done => {},
        }
        if (state == .done) break;
    }
    if (state != .done) return bpf.XDP.DROP;
    requests += 1;
    path_bytes += length;
    numbers += number;
    return bpf.XDP.PASS;
}
