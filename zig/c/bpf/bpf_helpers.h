/* SPDX-License-Identifier: MIT
 *
 * What probes in C are written with: the names are those that C probes have everywhere, so that one that
 * was written for libbpf compiles here. Include <linux/bpf.h> (or a vmlinux.h) before.
 */
#ifndef PYZBPF_BPF_HELPERS_H
#define PYZBPF_BPF_HELPERS_H

#include <bpf/bpf_helper_defs.h>

/* A map is a struct whose members have these types: what they say is read from the type information. */
#define __uint(name, number) int (*name)[number]
#define __type(name, type) typeof(type) *name
#define __array(name, type) typeof(type) *name[]
/* What a ring or perf buffer carries, for typed events in Python: __event(struct event). The build makes a
 * mark of it that other loaders pass over. */
#define __event(type) typeof(type) *pyzbpf_event
#define __ulong(name, number) enum { __pyzbpf_concat(name##_value, __COUNTER__) = (number) } name

#define __pyzbpf_concat(a, b) __pyzbpf_concat_(a, b)
#define __pyzbpf_concat_(a, b) a##b

/* Functions and variables in sections that say what they are. */
#define SEC(name) __attribute__((section(name), used))

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif
#define __hidden __attribute__((visibility("hidden")))

/* What the kernel defines: configuration, symbols. */
#define __kconfig __attribute__((section(".kconfig")))
#define __ksym __attribute__((section(".ksyms")))
#define __kptr __attribute__((btf_type_tag("kptr")))
#define __arg_ctx __attribute__((btf_decl_tag("arg:ctx")))
#define __arg_nonnull __attribute__((btf_decl_tag("arg:nonnull")))

#ifndef KERNEL_VERSION
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))
#endif
#ifndef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif
#ifndef container_of
#define container_of(pointer, type, member) ((type *)((void *)(pointer) - offsetof(type, member)))
#endif
#ifndef NULL
#define NULL ((void *)0)
#endif

#define barrier() asm volatile("" ::: "memory")
#define barrier_var(variable) asm volatile("" : "+r"(variable))

/* __uint(pinning, LIBBPF_PIN_BY_NAME) */
enum libbpf_pin_type { LIBBPF_PIN_NONE, LIBBPF_PIN_BY_NAME };
/* What a weak __kconfig of this type says. */
enum libbpf_tristate { TRI_NO = 0, TRI_YES = 1, TRI_MODULE = 2 };

/* bpf_printk("pid %d", pid): into the trace pipe, up to three values. */
#define bpf_printk(format, ...) \
	({ \
		static const char __format[] = format; \
		bpf_trace_printk(__format, sizeof(__format), ##__VA_ARGS__); \
	})

#endif
