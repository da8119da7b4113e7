/* What a C programmer writes with libbpf, for the same buffers, maps and objects; called through ctypes. */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct result { uint64_t ns, sum, count, cpu_ns; };

static uint64_t now(clockid_t clock)
{
	struct timespec at;
	clock_gettime(clock, &at);
	return at.tv_sec * 1000000000ull + at.tv_nsec;
}

static int take(void *context, void *data, size_t size)
{
	struct result *to = context;
	to->sum += *(uint64_t *)data;
	to->count++;
	return 0;
}

int quiet(enum libbpf_print_level level, const char *format, va_list list) { return 0; }

int ring_drain(int fd, struct result *to)
{
	struct ring_buffer *ring = ring_buffer__new(fd, take, to, NULL);
	if (!ring)
		return -errno;
	uint64_t start = now(CLOCK_THREAD_CPUTIME_ID);
	int result = ring_buffer__consume(ring);
	to->ns = now(CLOCK_THREAD_CPUTIME_ID) - start;
	ring_buffer__free(ring);
	return result < 0 ? result : 0;
}

/* A consumer that waits, until *stop; CPU time of this thread only. */
int ring_watch(int fd, volatile int *stop, struct result *to)
{
	struct ring_buffer *ring = ring_buffer__new(fd, take, to, NULL);
	if (!ring)
		return -errno;
	uint64_t start = now(CLOCK_THREAD_CPUTIME_ID);
	while (!*stop)
		ring_buffer__poll(ring, 10);
	ring_buffer__consume(ring);
	to->cpu_ns = now(CLOCK_THREAD_CPUTIME_ID) - start;
	ring_buffer__free(ring);
	return 0;
}

struct latencies { uint64_t count, room, *ns; };

static int take_latency(void *context, void *data, size_t size)
{
	struct latencies *to = context;
	if (to->count < to->room)
		to->ns[to->count++] = now(CLOCK_MONOTONIC) - ((uint64_t *)data)[1];
	return 0;
}

int ring_latency(int fd, volatile int *stop, struct latencies *to)
{
	struct ring_buffer *ring = ring_buffer__new(fd, take_latency, to, NULL);
	if (!ring)
		return -errno;
	while (!*stop)
		ring_buffer__poll(ring, 10);
	ring_buffer__free(ring);
	return 0;
}

/* Run a program so many times. */
int run(int program, int count)
{
	char packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet), .repeat = count);
	return bpf_prog_test_run_opts(program, &options);
}

/* Run a program `rate` times a second on one CPU, in bursts of a millisecond; how often it ran. */
uint64_t produce(int program, uint64_t rate, uint64_t burst_ns, uint64_t duration_ns, int cpu)
{
	char packet[64] = {};
	cpu_set_t where;
	CPU_ZERO(&where);
	CPU_SET(cpu, &where);
	sched_setaffinity(0, sizeof(where), &where);
	uint64_t start = now(CLOCK_MONOTONIC), made = 0;
	for (;;) {
		uint64_t past = now(CLOCK_MONOTONIC) - start;
		if (past >= duration_ns)
			return made;
		uint64_t due = (__uint128_t)(past + burst_ns) * rate / 1000000000;
		if (due > made) {
			LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet),
				    .repeat = due - made);
			if (bpf_prog_test_run_opts(program, &options))
				return 0;
			made = due;
		}
		struct timespec pause = { 0, burst_ns / 2 };
		past = now(CLOCK_MONOTONIC) - start;
		if ((__uint128_t)(past + burst_ns) * rate / 1000000000 <= made)
			clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
}

int map_dump(int fd, uint32_t size, struct result *to)
{
	uint64_t *keys = malloc(8 * size), *values = malloc(8 * size), from, until;
	uint64_t start = now(CLOCK_THREAD_CPUTIME_ID);
	int result, first = 1;
	do {
		uint32_t count = size;
		result = bpf_map_lookup_batch(fd, first ? NULL : &from, &until, keys, values, &count, NULL);
		if (result && errno != ENOENT)
			break;
		first = 0;
		from = until;
		for (uint32_t i = 0; i < count; i++)
			to->sum += values[i];
		to->count += count;
	} while (!result);
	to->ns = now(CLOCK_THREAD_CPUTIME_ID) - start;
	free(keys);
	free(values);
	return result && errno != ENOENT ? -errno : 0;
}

int map_fill(int fd, uint32_t count, uint32_t size, struct result *to)
{
	uint64_t *keys = malloc(8 * count), *values = malloc(8 * count);
	for (uint32_t i = 0; i < count; i++)
		keys[i] = values[i] = i;
	uint64_t start = now(CLOCK_THREAD_CPUTIME_ID);
	int result = 0;
	for (uint32_t done = 0; done < count && !result; done += size) {
		uint32_t some = count - done < size ? count - done : size;
		result = bpf_map_update_batch(fd, keys + done, values + done, &some, NULL);
	}
	to->ns = now(CLOCK_THREAD_CPUTIME_ID) - start;
	free(keys);
	free(values);
	return result ? -errno : 0;
}

int numbers_sum(const uint64_t *memory, uint64_t count, struct result *to)
{
	uint64_t start = now(CLOCK_THREAD_CPUTIME_ID), sum = 0;
	for (uint64_t i = 0; i < count; i++)
		sum += ((volatile const uint64_t *)memory)[i];
	to->ns = now(CLOCK_THREAD_CPUTIME_ID) - start;
	to->sum = sum;
	return 0;
}

int each_sum(int fd, uint32_t count, uint32_t cpus, struct result *to)
{
	uint32_t *keys = malloc(4 * count), until, size = count;
	uint64_t *values = malloc(8 * count * cpus);
	uint64_t start = now(CLOCK_THREAD_CPUTIME_ID);
	int result = bpf_map_lookup_batch(fd, NULL, &until, keys, values, &size, NULL);
	for (uint64_t i = 0; i < (uint64_t)size * cpus; i++)
		to->sum += values[i];
	to->ns = now(CLOCK_THREAD_CPUTIME_ID) - start;
	to->count = size;
	free(keys);
	free(values);
	return result && errno != ENOENT ? -errno : 0;
}

int object_load(const char *path, struct result *to)
{
	libbpf_set_print(quiet);
	uint64_t start = now(CLOCK_MONOTONIC), cpu_start = now(CLOCK_THREAD_CPUTIME_ID);
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	int result = object ? bpf_object__load(object) : -errno;
	to->cpu_ns = now(CLOCK_THREAD_CPUTIME_ID) - cpu_start;
	to->ns = now(CLOCK_MONOTONIC) - start;
	bpf_object__close(object);
	return result;
}
