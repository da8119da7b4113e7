import time

import pyzbpf

with pyzbpf.open("tools:latency").load() as probe:
    probe.attach()
    time.sleep(10)
    print(probe.maps["values"].hist())
