//! A system call's way in and out, where the kernel has it on this machine.

const bpf = @import("bpf");

export var wanted: u32 linksection(".rodata") = 0;
export var entered: u64 = 0;
export var left: u64 = 0;
export var result: i32 = 0;

export fn enter(_: *const bpf.PtRegs) linksection("ksyscall/getpgid") c_int {
    if (bpf.process.pid() == wanted) entered += 1;
    return 0;
}

export fn leave(ctx: *const bpf.PtRegs) linksection("kretsyscall/getpgid") c_int {
    if (bpf.process.pid() != wanted) return 0;
    left += 1;
    result = ctx.resultAs(i32);
    return 0;
}
