import pyzbpf

with pyzbpf.open("tools:readline").load() as probe:
    probe.attach()
    for event in probe.maps["events"]:
        print(event.pid, event.line)
