import time

import pyzbpf

with pyzbpf.open("tools:packets").load() as probe:
    probe.attach(interface="eth0")
    time.sleep(10)
    print(probe.maps["counts"].sums())
