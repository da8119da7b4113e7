/*
 * What libbpf makes of one object, as a JSON value on the standard output: the definitions it reads, and what it
 * sends to the kernel. `libbpf_says OBJECT PINS` loads it whole, with maps pinned in the folder PINS; where that
 * fails, it loads each program alone, too.
 * Only functions of libbpf 1.0, so that any version since can be asked.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ALL NULL

static char warnings[4096];
static const char *pins;

static struct bpf_object *open_object(const char *path)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .pin_root_path = pins);

	return bpf_object__open_file(path, &options);
}

static int keep_warnings(enum libbpf_print_level level, const char *format, va_list arguments)
{
	size_t length = strlen(warnings);

	if (level == LIBBPF_WARN)
		vsnprintf(warnings + length, sizeof(warnings) - length, format, arguments);
	return 0;
}

static void text(const char *string)
{
	putchar('"');
	for (; string && *string; string++) {
		unsigned char letter = *string;

		if (letter < ' ' || letter == '"' || letter == '\\' || letter > '~')
			printf("\\u%04x", letter);
		else
			putchar(letter);
	}
	putchar('"');
}

static void define_maps(struct bpf_object *object)
{
	const struct bpf_map *map;
	bool first = true;

	printf("\"maps\":[");
	bpf_object__for_each_map (map, object) {
		printf(first ? "{\"name\":" : ",{\"name\":");
		text(bpf_map__name(map));
		printf(",\"type\":%d,\"key_size\":%u,\"value_size\":%u,\"max_entries\":%u,\"flags\":%u,"
		       "\"map_extra\":%llu,\"numa_node\":%u,\"autocreate\":%d,\"fd\":%d}",
		       bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map),
		       bpf_map__max_entries(map), bpf_map__map_flags(map), bpf_map__map_extra(map),
		       bpf_map__numa_node(map), bpf_map__autocreate(map), bpf_map__fd(map));
		first = false;
	}
	printf("]");
}

static void define_programs(struct bpf_object *object)
{
	struct bpf_program *program;
	bool first = true;

	printf("\"programs\":[");
	bpf_object__for_each_program (program, object) {
		printf(first ? "{\"name\":" : ",{\"name\":");
		text(bpf_program__name(program));
		printf(",\"section\":");
		text(bpf_program__section_name(program));
		printf(",\"type\":%d,\"attach_type\":%d,\"flags\":%u,\"autoload\":%d}",
		       bpf_program__type(program), bpf_program__expected_attach_type(program),
		       bpf_program__flags(program), bpf_program__autoload(program));
		first = false;
	}
	printf("]");
}

/* What was sent for each program, and what the kernel knows of it. */
static void sent(struct bpf_object *object)
{
	struct bpf_program *program;
	bool first = true;

	printf("\"sent\":[");
	bpf_object__for_each_program (program, object) {
		const unsigned char *code = (const unsigned char *)bpf_program__insns(program);
		size_t size = 8 * bpf_program__insn_cnt(program), at;
		struct bpf_prog_info info = {};
		__u32 length = sizeof(info);
		int fd = bpf_program__fd(program);

		if (!bpf_program__autoload(program))
			continue;
		if (fd >= 0)
			bpf_obj_get_info_by_fd(fd, &info, &length);
		printf(first ? "{\"name\":" : ",{\"name\":");
		text(bpf_program__name(program));
		printf(",\"loaded\":%d,\"attach_btf_id\":%u,\"attach_type\":%d,\"code\":\"", fd >= 0,
		       info.attach_btf_id, bpf_program__expected_attach_type(program));
		for (at = 0; at < size; at++)
			printf("%02x", code[at]);
		printf("\"}");
		first = false;
	}
	printf("]");
}

/* Load the object, or only one of its programs; the errno. */
static int load(const char *path, const char *only, bool say)
{
	struct bpf_object *object = open_object(path);
	struct bpf_program *program;
	int refusal;

	if (!object) {
		if (say)
			printf("\"opened\":%d", errno);
		return errno;
	}
	if (only != ALL)
		bpf_object__for_each_program (program, object)
			bpf_program__set_autoload(program, !strcmp(bpf_program__name(program), only));
	if (say) {
		printf("\"opened\":0,");
		define_programs(object);
	}
	refusal = -bpf_object__load(object);
	if (say) {
		printf(",");
		define_maps(object);
		printf(",\"loaded\":%d,", refusal);
		sent(object);
	}
	bpf_object__close(object);
	return refusal;
}

static void load_each(const char *path)
{
	struct bpf_object *object = open_object(path);
	struct bpf_program *program;
	bool first = true;

	printf(",\"alone\":{");
	bpf_object__for_each_program (program, object) {
		const char *name = bpf_program__name(program);

		if (!first)
			printf(",");
		text(name);
		printf(":%d", load(path, name, false));
		first = false;
	}
	printf("}");
	bpf_object__close(object);
}

int main(int count, char **arguments)
{
	int refusal;

	if (count != 3)
		return 2;
	pins = arguments[2];
	libbpf_set_print(keep_warnings);
	printf("{\"version\":");
	text(libbpf_version_string());
	printf(",");
	refusal = load(arguments[1], ALL, true);
	printf(",\"said\":");
	text(warnings);
	if (refusal) {
		struct bpf_object *object = open_object(arguments[1]);

		if (object) {
			bpf_object__close(object);
			load_each(arguments[1]);
		}
	}
	printf("}\n");
	return 0;
}
