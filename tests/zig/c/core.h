/* What the CO-RE probes in C share: clang's builtins, by the kinds of enum bpf_core_relo_kind. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef int pid_t;
typedef _Bool bool;

#define CORE __attribute__((preserve_access_index))
#define SEC(name) __attribute__((section(name), used))
#define NOINLINE __attribute__((noinline))

/* __builtin_preserve_field_info numbers the kinds as the relocations do, from BYTE_OFFSET on. */
#define OFFSET(field) __builtin_preserve_field_info(field, 0)
#define SIZE(field) __builtin_preserve_field_info(field, 1)
#define EXISTS(field) __builtin_preserve_field_info(field, 2)
#define SIGNED(field) __builtin_preserve_field_info(field, 3)
#define LEFT(field) __builtin_preserve_field_info(field, 4)
#define RIGHT(field) __builtin_preserve_field_info(field, 5)

#define TYPE_EXISTS(type) __builtin_preserve_type_info(*(type *)0, 0)
#define TYPE_SIZE(type) __builtin_preserve_type_info(*(type *)0, 1)
#define TYPE_MATCHES(type) __builtin_preserve_type_info(*(type *)0, 2)
#define LOCAL_ID(type) __builtin_btf_type_id(*(type *)0, 0)
#define TARGET_ID(type) __builtin_btf_type_id(*(type *)0, 1)
#define VALUE_EXISTS(type, value) __builtin_preserve_enum_value(*(type *)value, 0)
#define VALUE(type, value) __builtin_preserve_enum_value(*(type *)value, 1)

static u64 (*bpf_get_current_task)(void) = (void *)35;
static long (*bpf_probe_read_kernel)(void *, u32, const void *) = (void *)113;

/* Through pointers, one read for each arrow. */
#define READ(to, field) bpf_probe_read_kernel(&(to), sizeof(to), &(field))

/* A bit field: its bytes as a number, then shifts, as libbpf's BPF_CORE_READ_BITFIELD_PROBED does. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BYTES_AT(to, size) ((void *)&(to))
#else
#define BYTES_AT(to, size) ((void *)&(to) + (8 - (size)))
#endif
#define READ_BITS(to, pointer, field)                                                                  \
	do {                                                                                           \
		u64 bits = 0;                                                                          \
		u32 size = SIZE((pointer)->field);                                                     \
		bpf_probe_read_kernel(BYTES_AT(bits, size), size,                                      \
				      (const void *)(pointer) + OFFSET((pointer)->field));             \
		bits <<= LEFT((pointer)->field);                                                       \
		(to) = SIGNED((pointer)->field) ? (long long)bits >> RIGHT((pointer)->field)           \
						: bits >> RIGHT((pointer)->field);                     \
	} while (0)

char _license[] SEC("license") = "GPL";
