import pyzbpf

with pyzbpf.open("tools:started").load() as probe:
    probe.attach()
    for event in probe.maps["events"]:
        print(event.pid, event.parent, event.command)
