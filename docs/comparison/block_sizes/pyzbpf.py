import time

import pyzbpf

with pyzbpf.open("tools:block_sizes").load() as probe:
    probe.attach()
    time.sleep(10)
    print(probe.maps["values"].hist())
