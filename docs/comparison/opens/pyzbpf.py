import pyzbpf

with pyzbpf.open("tools:opens").load() as probe:
    probe.attach()
    for event in probe.maps["events"]:
        print(event.pid, event.command, event.path)
