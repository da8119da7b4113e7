//! Where the packet filter's tables are: packets are counted, and all of them dropped when told to.

const bpf = @import("bpf");

export var packets: u64 = 0;
export var dropping: bool = false;

export fn filter(_: *anyopaque) linksection("netfilter") c_int {
    packets += 1;
    return if (@as(*volatile bool, &dropping).*) 0 else 1;
}
