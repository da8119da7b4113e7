"""What the verifier says -> what to change in the Zig source.

Searched for in the reason, from the top; the first that is found holds, so narrow ones come first. The texts are those
of kernel/bpf/verifier.c, which differ between releases in details that the patterns leave open.
"""

from __future__ import annotations

import re

LEAK = re.compile(r"reference leak|Unreleased reference|reference has not been")
TOO_LARGE = re.compile(r"too large\. Processed|too many instructions|Argument list too long")
TOO_COMPLEX = re.compile(r"sequence of \d+ jumps|too complex")
# What is said behind both, where a program has checks of sums.
COUNTERS = (
    " A sum in a loop, or in the body of `bpf.loop`, that is checked for overflow may keep the rounds apart: write "
    "`sum +%= n` for `sum += n`. This program checks {places}"
)

# First match wins; the narrow ones come first.
HINTS = (
    (
        LEAK,
        ("Every path must give back what it acquired before it returns: submit or discard a ring-buffer record, release a "
        "task, a socket or whatever else a function of the kernel has lent."),
    ),
    (
        re.compile(r"_or_null_?'|or_null_? expected|[Pp]ossibly NULL pointer|null-check it first"),
        "The pointer may be null. Unwrap the optional before use: `const value = map.lookup(&key) orelse return 0;`.",
    ),
    (
        re.compile(r"type=ctx expected=(?!ctx|sock)"),
        (
            "The helper reads or writes memory of the program's own, and the context is none: copy what it is about into a "
            "variable first, and pass its address: `const key = ctx.member; map.lookup(&key)`."
        ),
    ),
    (
        re.compile(r"type=\S+ expected=fp\b"),
        (
            "The helper wants the address of memory that the program owns: of a variable (`&x`) or a map's value. What lies in "
            "the kernel or a process is copied there first, by a probe_read helper."
        ),
    ),
    (
        re.compile(r"type=\S+ expected=ctx\b"),
        "The helper wants the context as the program got it: pass `ctx` itself, not a copy or a place in it.",
    ),
    (
        re.compile(r"At program exit the register R0|has (?:value|unknown scalar value).* should have been"),
        "The return value is not one this kind of program may return; give one of the kind's verdicts.",
    ),
    (
        re.compile(r"must be held for"),
        "Lists and trees are changed with their lock held: take the bpf_spin_lock that lies beside the head or root, in the same value.",
    ),
    (
        re.compile(r"progs? cannot use bpf_"),
        "Programs of this kind may not use maps with locks, timers, lists or trees in their values: take another kind (fentry, tc, XDP, syscall).",
    ),
    (
        re.compile(r"accessed directly|direct access to|accessed indirectly|has no valid bpf_|doesn't point to 'struct"),
        (
            "This member is the kernel's: only the functions made for it touch it, by the address of the member as it is declared. "
            "Copy the members beside it one by one, never the whole value."
        ),
    ),
    (
        re.compile(r"\bkptr\b"),
        (
            "A kernel pointer in a map's value (kptr) is read and written whole, at its own place; one that counts references "
            "only by bpf_kptr_xchg, which returns the old one to be released."
        ),
    ),
    (
        re.compile(r"bpf_(?:list_head|list_node|rb_root|rb_node) (?:not found|at offset|has to be)|expected bpf_(?:list|rb)_|has to be at the constant offset"),
        "Heads, roots and nodes are known by where they are declared: pass the address of the member itself, of the type that the head was declared to contain.",
    ),
    (
        re.compile(r"expects refcounted|unacquired reference|release unowned|can only take non-owning|must be referenced when passed to release"),
        "Only what was acquired is given back, and once: pass what the acquiring function returned, as it was returned.",
    ),
    (
        re.compile(r"string is not zero-terminated|does not point to a readonly map"),
        "The text must not change and end in a zero: pass a string literal, or a `const` in `.rodata`.",
    ),
    (
        re.compile(r"read from map forbidden"),
        "Programs only write this map (BPF_F_WRONLY_PROG); leave the flag off where they read it.",
    ),
    (
        re.compile(r"BPF_ATOMIC stores into|BPF_XADD stores into"),
        "Atomic operations work on variables, map values and the stack; packets and contexts are written by plain stores.",
    ),
    (
        re.compile(r"helper access to the packet is not allowed"),
        "This helper does not read packets themselves: copy the bytes into a variable first (`packet.load`).",
    ),
    (
        re.compile(r"map_uid=|isn't map pointer"),
        "The timer or work lies in the value of one map, and another one is named: pass the map that the value is from.",
    ),
    (
        re.compile(r"-ed region$|preempt_enable without|cannot be used inside"),
        "What was switched off (preemption, interrupts, RCU) or taken goes on again on every path, before the program ends, throws or jumps away.",
    ),
    (
        re.compile(r"call stack of \d+ frames is too deep|recursive call|recursion"),
        (
            "Functions may call each other eight deep, and never themselves: make small ones `inline fn`, and turn "
            "recursion into a loop."
        ),
    ),
    (
        re.compile(r"tail_calls? (?:are|is) (?:not allowed|only allowed)|cannot tail call"),
        "A tail call leaves the function it is in: make it from the program itself, which returns a number.",
    ),
    (
        re.compile(r"holding a lock|spin_lock-ed region|bpf_spin_(?:un)?lock|lock .*(?:still held|is missing)|use static function instead"),
        (
            "Between taking a lock and giving it back only plain loads, stores and arithmetic are allowed: call helpers "
            "and functions before or after, and give the lock back on every path."
        ),
    ),
    (
        re.compile(r"non-sleepable|must be sleepable|might sleep|sleepable"),
        (
            "This may wait, which the program may not: take a section that ends in `.s` (`fentry.s/…`, `uprobe.s/…`, "
            "`lsm.s/…`, `syscall`), and do it outside of locks and RCU sections."
        ),
    ),
    (
        re.compile(r"calling kernel function \S+ is not allowed|kernel function .*not allowed"),
        "The kernel offers this function to other kinds of programs only; `pyzbpf doctor` lists what this kind may call.",
    ),
    (
        re.compile(r"must be (?:referenced|a rcu pointer)|trusted|expected pointer to STRUCT|arg#\d+ expected pointer|is of type \w+ but \w+ is expected"),
        (
            "The function wants a pointer that the kernel vouches for: an argument of a tp_btf, fentry or LSM program, or "
            "what another kernel function has acquired, and not one that was read from memory (acquire it first)."
        ),
    ),
    (
        re.compile(r"write into map forbidden|cannot write into|rdonly_mem|only read (?:from \S+ )?is supported|cannot write to|no write support|frame pointer is read only|not allow writes to"),
        (
            "This memory is for reading only: a `const` or a variable in `.rodata` is frozen when the program is loaded, and "
            "the kernel's own structs are changed by helpers alone. Copy it into a variable of yours first."
        ),
    ),
    (
        re.compile(r"access beyond (?:struct|the end of member)|cannot access ptr member|attach to unsupported member|doesn't have \d+-th argument"),
        (
            "The kernel's type is not as the probe declares it: take its declaration from this kernel with "
            "`pyzbpf types`, and read members by CO-RE."
        ),
    ),
    (
        re.compile(r"misaligned (?:stack|value|context|access)"),
        "A number is read or written at a place that is no multiple of its size: keep `align` of the type as it is declared, and read odd places byte by byte.",
    ),
    (
        re.compile(r"invalid zero-sized read"),
        "The length can be 0, which this helper does not take: leave before the call where it is (`if (length == 0) return 0;`).",
    ),
    (
        re.compile(r"doesn't return scalar|Caller passes invalid args|is global and (?:assumed|invalid)|Global function|arg#\d+ in \w+\(\)"),
        (
            "An exported function is checked by itself, for any arguments, and returns a number: check its pointers for null "
            "in it, or leave `export` off, so that it is checked with what its callers know."
        ),
    ),
    (
        re.compile(r"At (?:callback|subprogram) return|callback .*R0"),
        "A callback returns 0 to go on or 1 to stop, and nothing else.",
    ),
    (
        re.compile(r"(?:referenced|write to) dynptr|for bpf_dynptr_from|initialized (?:dynptr|iter)|(?:dynptr|iterator) .*initialized|[Uu]ninitialized (?:dynptr|iter)"),
        "Make it first (bpf_dynptr_from_…, bpf_iter_…_new) in a variable of the stack that lives until it is given back, on every path.",
    ),
    (
        re.compile(r"not a known constant|must be a known constant|needs to be (?:a )?constant"),
        "The kernel must know this argument when it verifies: pass a number that is known at compile time (`comptime`).",
    ),
    (
        re.compile(r"cannot pass map_type \d+"),
        "The helper does not work on maps of this kind: a queue is pushed and popped, a ring buffer reserved and submitted, all others looked up.",
    ),
    (
        re.compile(r"uses reserved fields|invalid atomic opcode|invalid BPF_LD_IMM insn|invalid (?:BPF_)?ATOMIC|BPF_\w+ uses invalid"),
        (
            "This kernel does not know an instruction of the probe: build it for an older instruction set, `pyzbpf build "
            "--cpu v2` (v4 needs Linux 6.6, v3 5.1, 32-bit and fetching atomics 5.12)."
        ),
    ),
    (
        re.compile(r"same insn cannot be used with different pointers"),
        "One instruction works on pointers of two kinds, because the compiler merged two branches: move each access into a `noinline` function of its own.",
    ),
    (
        re.compile(r"(?:corrupt|corrupted) spill|invalid size of register (?:spill|fill)|corrupt spilled pointer"),
        "A pointer kept on the stack was overwritten in part: do not share memory between pointers and numbers (no `packed` or `extern union` with pointers).",
    ),
    (
        re.compile(r"invalid \S+ buffer (?:access|offset)"),
        "The access goes beyond the buffer that the context gives: check its length first, in an unsigned type.",
    ),
    (
        re.compile(r"exception (?:callback|cb)|bpf_throw"),
        "What throws may hold nothing: give back locks, references and ring-buffer records before.",
    ),
    (
        re.compile(r"outside of the packet|[Ii]nvalid access to packet"),
        (
            "Compare with the packet's end before each access: `if (data + @sizeOf(Header) > data_end) return verdict;`. "
            "A helper that may move the packet makes all checked pointers void."
        ),
    ),
    (
        re.compile(r"failed to find the address for kernel symbol"),
        "The kernel keeps no addresses of variables: it takes one built with CONFIG_KALLSYMS_ALL=y.",
    ),
    (
        re.compile(r"GPL-restricted|GPL compatible|gpl_only"),
        "This helper is for GPL-compatible programs only: declare the probe's licence as \"GPL\" (or \"Dual MIT/GPL\").",
    ),
    (
        re.compile(r"invalid func unknown|unknown func|cannot use helper|helper access .* not allowed|unsupported helper"),
        "The helper does not exist in this kernel, or not for this kind of program; `pyzbpf doctor` lists what does.",
    ),
    (
        re.compile(r"JIT is required|not allowed in non-JITed programs|JIT does not support"),
        "Switch the JIT compiler on (sysctl -w net.core.bpf_jit_enable=1), on a kernel built with CONFIG_BPF_JIT=y.",
    ),
    (
        re.compile(r"invalid (?:write|read) (?:to|from) stack R[1-5] off=-?\d+ size="),
        (
            "A helper takes more bytes than lie there: it reads a key or value as long as the map's key_size or value_size says, "
            "and buffers as long as it is told. Give it a variable of that type; without it, keep indices into arrays on the "
            "stack within them."
        ),
    ),
    (
        re.compile(r"stack size .* exceeds|combined stack|too large.* stack|invalid (?:write|read) (?:to|from) stack|BPF stack limit"),
        (
            "A program has 512 bytes of stack, its subprograms included. Move large buffers into a per-CPU array map or "
            "a global variable, and keep indices into arrays on the stack within them."
        ),
    ),
    (
        re.compile(r"indirect read from stack|invalid indirect access|uninitialized"),
        (
            "Some of the bytes passed to the helper were never written, padding included: start from "
            "`std.mem.zeroes(T)` instead of `undefined`."
        ),
    ),
    (
        re.compile(r"[Ii]nfinite loop|back-edge|loop is not bounded|may_goto"),
        (
            "The verifier must see the end of each loop: iterate over a constant range (`for (0..64)`) and leave early. "
            "Loops are accepted since Linux 5.3."
        ),
    ),
    (
        TOO_LARGE,
        (
            "The verifier gave up after a million instructions on all paths together: lower the bounds of loops, move the "
            "body of a loop into a function, or do the rest in Python."
        ),
    ),
    (
        TOO_COMPLEX,
        (
            "The verifier keeps 8192 branches that it has yet to walk, and more are open at one time here: fewer branches in "
            "a loop, or its body as the function of `bpf.loop`."
        ),
    ),
    (
        re.compile(r"unreachable insn"),
        "Some code can never run: often what follows an endless loop or an `unreachable`. Remove it, or end the loop.",
    ),
    (
        re.compile(r"misaligned packet access"),
        (
            "This kernel reads no number at an odd place: give the members of the type `align(1)`, as in "
            "`extern struct { number: u32 align(1) }`, or read bytes."
        ),
    ),
    (
        re.compile(r"unbounded|min value is negative|makes \w+ pointer be out of bounds|variable .*access .*var_off|invalid variable-offset"),
        (
            "The verifier does not know how large the index or length can be. Check it just before the access, in an "
            "unsigned type: `if (i >= items.len) return 0;`. Safe mode (--mode safe) keeps Zig's own bounds checks; where it was "
            "built so already, the compiler left the check out because it knew the range: index with "
            "`bpf.memory.index(i, len)`."
        ),
    ),
    (
        re.compile(r"math between \S+ pointer and -?\d+ is not allowed|pointer offset -?\d+ is not allowed|negative offset|invalid negative access"),
        (
            "The offset lies far outside of what the pointer is for, or before it: often a number that went below zero. Compute "
            "with unsigned types, and check it before it is added."
        ),
    ),
    (
        re.compile(r"outside of the (?:allowed memory|array) range|invalid access to (?:map value|memory)|out of bounds|len pair leads to invalid"),
        (
            "The access can reach beyond the value: compare the index with the length (`<`, not `<=`), and the size of the "
            "type with the map's value. Safe mode (--mode safe) keeps Zig's own checks; where the compiler left one out "
            "because it knew the range (`x % len`, `@clz`), index with `bpf.memory.index(i, len)`."
        ),
    ),
    (
        re.compile(r"invalid mem access '(?:scalar|inv)'|invalid mem access 'mem'|pointer type .* must point"),
        (
            "What is dereferenced is a number to the verifier. A pointer that was read from kernel or user memory is "
            "followed with a probe_read helper or a CO-RE read; @ptrFromInt does not make a pointer here."
        ),
    ),
    (
        re.compile(r"R0 !read_ok"),
        "The function returns without a value on some path: every path of a program returns a number.",
    ),
    (
        re.compile(r"!read_ok"),
        (
            "A register is used before it has a value: a variable that is `undefined`, or an argument the function does "
            "not have. A call makes r1 to r5 void."
        ),
    ),
    (
        re.compile(r"invalid bpf_context access|modified ctx ptr|dereference of modified|invalid (?:sock|sock_common|tcp_sock|xdp_sock) access"),
        (
            "This place of the context does not exist for this kind of program, or may not be read or written with this "
            "size. Use the fields of the kind's context type as they are declared."
        ),
    ),
    (
        re.compile(r"leaks addr|leaks kernel"),
        "A kernel address would become visible to users, which needs CAP_PERFMON; store the value, not the pointer.",
    ),
    (
        re.compile(r"bitwise operator &= on pointer prohibited"),
        "Safe mode's check of `@alignCast` does that to the pointer: begin the block with `@setRuntimeSafety(false)`.",
    ),
    (
        re.compile(r"pointer arithmetic|pointer \S+ pointer prohibited|pointer operation|bitwise operator|tried to (?:subtract|add)|subtraction from stack"),
        "Only adding to and subtracting from a pointer is allowed, and not for every kind of pointer.",
    ),
    (
        re.compile(r"type=\w+ expected="),
        (
            "The helper wants another kind of pointer: a map itself where a map is expected, a variable on the stack or a "
            "map value where memory is expected."
        ),
    ),
    (
        re.compile(r"^div by zero"),
        "The divisor is always 0 on this path: check it first.",
    ),
    (
        re.compile(r"last insn is not an exit|jump out of range|unknown opcode|not pointing to valid bpf_map|^R\d+ is invalid"),
        "The code itself is damaged; rebuild the probe, and report this if it stays.",
    ),
)  # fmt: skip
