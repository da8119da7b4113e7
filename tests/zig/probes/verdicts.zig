//! Verdicts that the verifier cannot know: of these kinds it wants to hear that they are among those of the kind.

const bpf = @import("bpf");

pub const license = "GPL";
pub const programs = .{ .bound = "cgroup/bind4", .egress = "cgroup_skb/egress", .opened = "lsm/file_open" };

export var binding: bpf.Bind linksection(".data") = .allow;
export var leaving: bpf.Egress linksection(".data") = .pass;
export var refusal: bpf.LSM linksection(".data") = .allow;

pub fn bound() bpf.Bind {
    return binding;
}

pub fn egress() !bpf.Egress {
    if (bpf.process.pid() == 0) return error.Idle;
    return leaving;
}

pub fn opened() !bpf.LSM {
    if (bpf.process.pid() == 0) return error.Idle;
    return refusal;
}
