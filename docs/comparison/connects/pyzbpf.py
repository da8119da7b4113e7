import socket
import struct

import pyzbpf

with pyzbpf.open("tools:connects").load() as probe:
    probe.attach()
    for event in probe.maps["events"]:
        print(event.pid, event.command, socket.inet_ntoa(struct.pack("=I", event.address)), event.port)
