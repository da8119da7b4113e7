/* What the probes in C share: the kernel's types and helpers that they use, maps as libbpf writes them. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
#define NOINLINE __attribute__((noinline))
#define INLINE static inline __attribute__((always_inline))
#define CORE __attribute__((preserve_access_index))
#define NUMBER(name, value) int (*name)[value]
#define TYPE(name, type) type *name

enum { HASH = 1, ARRAY = 2, PERCPU_ARRAY = 6, LRU_HASH = 9, RINGBUF = 27 };
enum { XDP_ABORTED, XDP_DROP, XDP_PASS };
enum { ANY, NOEXIST, EXIST };

struct xdp_md {
	u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};

struct __sk_buff {
	u32 len, pkt_type, mark;
};

struct ip {
	u8 version_length, service;
	u16 total, id, fragment;
	u8 ttl, protocol;
	u16 checksum;
	u32 source, target;
};

static void *(*bpf_map_lookup_elem)(void *, const void *) = (void *)1;
static long (*bpf_map_update_elem)(void *, const void *, const void *, u64) = (void *)2;
static u64 (*bpf_get_current_pid_tgid)(void) = (void *)14;
static long (*bpf_get_current_comm)(void *, u32) = (void *)16;
static long (*bpf_skb_load_bytes)(const void *, u32, void *, u32) = (void *)26;
static u64 (*bpf_get_current_task)(void) = (void *)35;
static long (*bpf_probe_read_kernel)(void *, u32, const void *) = (void *)113;
static void *(*bpf_ringbuf_reserve)(void *, u64, u64) = (void *)131;
static void (*bpf_ringbuf_submit)(void *, u64) = (void *)132;

/* `size` bytes of the packet at `offset`, or null: the check that the verifier wants to see. */
INLINE void *packet_at(struct xdp_md *ctx, u64 offset, u64 size)
{
	void *start = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	return start + offset + size > end ? 0 : start + offset;
}

char _license[] SEC("license") = "GPL";
