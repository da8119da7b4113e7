import pyzbpf

with pyzbpf.open("tools:exits").load() as probe:
    probe.attach()
    for event in probe.maps["events"]:
        print(event.pid, event.code, event.command)
