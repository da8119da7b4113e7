/* SPDX-License-Identifier: MIT
 *
 * Reading the kernel's structs by name on each kernel (CO-RE). Declare what you read, a few members are
 * enough, with __attribute__((preserve_access_index)), or include a vmlinux.h; then
 *
 *	pid = BPF_CORE_READ(task, real_parent, tgid);
 */
#ifndef PYZBPF_BPF_CORE_READ_H
#define PYZBPF_BPF_CORE_READ_H

#include <bpf/bpf_helpers.h>

/* The kinds of questions; the numbers are those of enum bpf_core_relo_kind of linux/bpf.h. */
#define bpf_core_field_exists(field) __builtin_preserve_field_info(field, 2)
#define bpf_core_field_size(field) __builtin_preserve_field_info(field, 1)
#define bpf_core_field_offset(field) __builtin_preserve_field_info(field, 0)
#define bpf_core_type_id_local(type) __builtin_btf_type_id(*(typeof(type) *)0, 0)
#define bpf_core_type_id_kernel(type) __builtin_btf_type_id(*(typeof(type) *)0, 1)
#define bpf_core_type_exists(type) __builtin_preserve_type_info(*(typeof(type) *)0, 0)
#define bpf_core_type_size(type) __builtin_preserve_type_info(*(typeof(type) *)0, 1)
#define bpf_core_type_matches(type) __builtin_preserve_type_info(*(typeof(type) *)0, 2)
#define bpf_core_enum_value_exists(type, value) __builtin_preserve_enum_value(*(typeof(type) *)value, 0)
#define bpf_core_enum_value(type, value) __builtin_preserve_enum_value(*(typeof(type) *)value, 1)

#define bpf_core_read(target, size, source) \
	bpf_probe_read_kernel(target, size, (const void *)__builtin_preserve_access_index(source))
#define bpf_core_read_str(target, size, source) \
	bpf_probe_read_kernel_str(target, size, (const void *)__builtin_preserve_access_index(source))
#define bpf_core_read_user(target, size, source) \
	bpf_probe_read_user(target, size, (const void *)__builtin_preserve_access_index(source))

/* BPF_CORE_READ(a, b, c, d) is a->b->c->d, each step read from the kernel; up to eight steps. */
#define BPF_CORE_READ(source, member, ...) \
	({ \
		typeof(__pyzbpf_path(source, member, ##__VA_ARGS__)) __value; \
		BPF_CORE_READ_INTO(&__value, source, member, ##__VA_ARGS__); \
		__value; \
	})
#define BPF_CORE_READ_INTO(target, source, ...) \
	({ \
		const void *__at = (const void *)(source); \
		__pyzbpf_pick(__pyzbpf_last, __VA_ARGS__)(bpf_probe_read_kernel, target, sizeof(*(target)), source, __VA_ARGS__); \
	})
#define BPF_CORE_READ_STR_INTO(target, source, ...) \
	({ \
		const void *__at = (const void *)(source); \
		__pyzbpf_pick(__pyzbpf_last, __VA_ARGS__)(bpf_probe_read_kernel_str, target, sizeof(*(target)), source, __VA_ARGS__); \
	})

/* The expression whose type is read: source->a->b. */
#define __pyzbpf_path(source, ...) __pyzbpf_pick(__pyzbpf_path, __VA_ARGS__)(source, __VA_ARGS__)
#define __pyzbpf_path1(s, a) ((s)->a)
#define __pyzbpf_path2(s, a, b) ((s)->a->b)
#define __pyzbpf_path3(s, a, b, c) ((s)->a->b->c)
#define __pyzbpf_path4(s, a, b, c, d) ((s)->a->b->c->d)
#define __pyzbpf_path5(s, a, b, c, d, e) ((s)->a->b->c->d->e)
#define __pyzbpf_path6(s, a, b, c, d, e, f) ((s)->a->b->c->d->e->f)
#define __pyzbpf_path7(s, a, b, c, d, e, f, g) ((s)->a->b->c->d->e->f->g)
#define __pyzbpf_path8(s, a, b, c, d, e, f, g, h) ((s)->a->b->c->d->e->f->g->h)

/* One step: __at becomes the pointer that the member holds. The base is typed, its value is __at. */
#define __pyzbpf_step(base, member) \
	bpf_core_read(&__at, sizeof(__at), &((typeof(base))__at)->member)
#define __pyzbpf_end(read, target, size, base, member) \
	read((void *)(target), size, (const void *)__builtin_preserve_access_index(&((typeof(base))__at)->member))

#define __pyzbpf_last1(r, t, n, s, a) __pyzbpf_end(r, t, n, s, a)
#define __pyzbpf_last2(r, t, n, s, a, b) \
	__pyzbpf_step(s, a); __pyzbpf_end(r, t, n, (s)->a, b)
#define __pyzbpf_last3(r, t, n, s, a, b, c) \
	__pyzbpf_step(s, a); __pyzbpf_last2(r, t, n, (s)->a, b, c)
#define __pyzbpf_last4(r, t, n, s, a, b, c, d) \
	__pyzbpf_step(s, a); __pyzbpf_last3(r, t, n, (s)->a, b, c, d)
#define __pyzbpf_last5(r, t, n, s, a, b, c, d, e) \
	__pyzbpf_step(s, a); __pyzbpf_last4(r, t, n, (s)->a, b, c, d, e)
#define __pyzbpf_last6(r, t, n, s, a, b, c, d, e, f) \
	__pyzbpf_step(s, a); __pyzbpf_last5(r, t, n, (s)->a, b, c, d, e, f)
#define __pyzbpf_last7(r, t, n, s, a, b, c, d, e, f, g) \
	__pyzbpf_step(s, a); __pyzbpf_last6(r, t, n, (s)->a, b, c, d, e, f, g)
#define __pyzbpf_last8(r, t, n, s, a, b, c, d, e, f, g, h) \
	__pyzbpf_step(s, a); __pyzbpf_last7(r, t, n, (s)->a, b, c, d, e, f, g, h)

/* base1 ... base8 by the number of members. */
#define __pyzbpf_pick(base, ...) \
	__pyzbpf_nth(__VA_ARGS__, base##8, base##7, base##6, base##5, base##4, base##3, base##2, base##1)
#define __pyzbpf_nth(_1, _2, _3, _4, _5, _6, _7, _8, name, ...) name

#endif
