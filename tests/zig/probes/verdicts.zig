//! Verdicts that the verifier cannot know: of these kinds it wants to hear that they are among those of the kind.

const bpf = @import("bpf");

pub const license = "GPL";
pub const programs = .{ .bound = "cgroup/bind4", .egress = "cgroup_skb/egress", .opened = "lsm/file_open" };

export var binding: bpf.Bind linksection(".data") = .allow;
export var leaving: bpf.Egress linksection(".data") = .pass;
export var refusal: bpf.LSM linksection(".data") = .allow;

/// Every program may read a variable; the pid is not for every kind to ask for before Linux 6.10 (eb166e522c77).
export var idle: bool linksection(".data") = false;

pub fn bound() bpf.Bind {
    return binding;
}

pub fn egress() !bpf.Egress {
    if (idle) return error.Idle;
    return leaving;
}

pub fn opened() !bpf.LSM {
    if (idle) return error.Idle;
    return refusal;
}
