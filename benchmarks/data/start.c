/* The start-up peer: open, load, attach to samples, and end. */
#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attributes), .config = PERF_COUNT_SW_CPU_CLOCK,
		.freq = 1, .sample_freq = 99,
	};
	struct bpf_object *object = bpf_object__open_file(arguments[1], NULL);
	if (!object || bpf_object__load(object))
		return 1;
	struct bpf_program *program = bpf_object__next_program(object, NULL);
	for (int cpu = 0; cpu < sysconf(_SC_NPROCESSORS_ONLN); cpu++) {
		int event = syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
		if (event < 0 || !bpf_program__attach_perf_event(program, event))
			return 1;
	}
	return write(1, "attached\n", 9) != 9;
}
