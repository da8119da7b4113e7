import time

import pyzbpf

with pyzbpf.open("tools:syscalls").load() as probe:
    probe.attach()
    time.sleep(10)
    print(probe.maps["counts"].sums())
