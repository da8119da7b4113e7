/* SPDX-License-Identifier: MIT
 *
 * Between the network's byte order and that of the machine the object is for. */
#ifndef PYZBPF_BPF_ENDIAN_H
#define PYZBPF_BPF_ENDIAN_H

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define bpf_htons(value) __builtin_bswap16(value)
#define bpf_htonl(value) __builtin_bswap32(value)
#define bpf_cpu_to_be64(value) __builtin_bswap64(value)
#else
#define bpf_htons(value) ((__u16)(value))
#define bpf_htonl(value) ((__u32)(value))
#define bpf_cpu_to_be64(value) ((__u64)(value))
#endif
#define bpf_ntohs(value) bpf_htons(value)
#define bpf_ntohl(value) bpf_htonl(value)
#define bpf_be64_to_cpu(value) bpf_cpu_to_be64(value)

#endif
