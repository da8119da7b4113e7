import time

from bcc import BPF

b = BPF(text="""
BPF_HISTOGRAM(values);

TRACEPOINT_PROBE(block, block_rq_issue) {
    values.increment(bpf_log2l(args->bytes));
    return 0;
}
""")
time.sleep(10)
b["values"].print_log2_hist("value")
