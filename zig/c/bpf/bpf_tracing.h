/* SPDX-License-Identifier: MIT
 *
 * Programs whose context is an array of 64-bit arguments (fentry, fexit, raw tracepoints, tp_btf, LSM), written
 * with their arguments' own types:
 *
 *	SEC("tp_btf/sched_switch")
 *	int BPF_PROG(switched, bool preempted, struct task_struct *before, struct task_struct *after)
 *
 * Probes of functions (kprobe, uprobe) see registers, which differ between machines, while an object is for all
 * machines of a byte order: write those in Zig, where bpf.PtRegs reads the same on each.
 */
#ifndef PYZBPF_BPF_TRACING_H
#define PYZBPF_BPF_TRACING_H

#include <bpf/bpf_helpers.h>

#define BPF_PROG(name, ...) \
	name(unsigned long long *ctx); \
	static __always_inline typeof(name(0)) __pyzbpf_body_##name(unsigned long long *ctx, ##__VA_ARGS__); \
	typeof(name(0)) name(unsigned long long *ctx) \
	{ \
		_Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wint-conversion\"") \
		return __pyzbpf_body_##name(__pyzbpf_arguments(ctx, ##__VA_ARGS__)); \
		_Pragma("GCC diagnostic pop") \
	} \
	static __always_inline typeof(name(0)) __pyzbpf_body_##name(unsigned long long *ctx, ##__VA_ARGS__)

/* ctx, and the arguments by their number. */
#define __pyzbpf_arguments(ctx, ...) \
	__pyzbpf_count(_, ##__VA_ARGS__, __pyzbpf_a12, __pyzbpf_a11, __pyzbpf_a10, __pyzbpf_a9, __pyzbpf_a8, \
		       __pyzbpf_a7, __pyzbpf_a6, __pyzbpf_a5, __pyzbpf_a4, __pyzbpf_a3, __pyzbpf_a2, __pyzbpf_a1, \
		       __pyzbpf_a0)(ctx)
#define __pyzbpf_count(_0, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, name, ...) name
#define __pyzbpf_a0(ctx) ctx
#define __pyzbpf_a1(ctx) __pyzbpf_a0(ctx), (void *)ctx[0]
#define __pyzbpf_a2(ctx) __pyzbpf_a1(ctx), (void *)ctx[1]
#define __pyzbpf_a3(ctx) __pyzbpf_a2(ctx), (void *)ctx[2]
#define __pyzbpf_a4(ctx) __pyzbpf_a3(ctx), (void *)ctx[3]
#define __pyzbpf_a5(ctx) __pyzbpf_a4(ctx), (void *)ctx[4]
#define __pyzbpf_a6(ctx) __pyzbpf_a5(ctx), (void *)ctx[5]
#define __pyzbpf_a7(ctx) __pyzbpf_a6(ctx), (void *)ctx[6]
#define __pyzbpf_a8(ctx) __pyzbpf_a7(ctx), (void *)ctx[7]
#define __pyzbpf_a9(ctx) __pyzbpf_a8(ctx), (void *)ctx[8]
#define __pyzbpf_a10(ctx) __pyzbpf_a9(ctx), (void *)ctx[9]
#define __pyzbpf_a11(ctx) __pyzbpf_a10(ctx), (void *)ctx[10]
#define __pyzbpf_a12(ctx) __pyzbpf_a11(ctx), (void *)ctx[11]

#endif
