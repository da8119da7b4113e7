"""The data path and start-up beside libbpf in C, BCC and bpftrace: ``python -m benchmarks.data``."""
