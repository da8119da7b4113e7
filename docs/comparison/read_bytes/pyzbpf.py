import time

import pyzbpf

with pyzbpf.open("tools:read_bytes").load() as probe:
    probe.attach()
    time.sleep(10)
    print(probe.maps["counts"].sums())
