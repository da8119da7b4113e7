/* Programs that a kernel may refuse for its policy, and one with an unknown section: none is loaded with the others. */
#include "bpf.h"

#define PROGRAM(name, section)                                                                             \
	SEC(section) int of_##name(void *context)                                                               \
	{                                                                                                  \
		return 0;                                                                                  \
	}

PROGRAM(kprobe, "kprobe/do_nanosleep")
PROGRAM(kretprobe, "kretprobe/do_nanosleep")
PROGRAM(kprobe_bare, "kprobe")
PROGRAM(uprobe, "uprobe//bin/true:main")
PROGRAM(uretprobe_s, "uretprobe.s//bin/true:main")
PROGRAM(ksyscall, "ksyscall/nanosleep")
PROGRAM(multi, "kprobe.multi/do_*")
PROGRAM(fentry, "fentry/hrtimer_nanosleep")
PROGRAM(fexit, "fexit/hrtimer_nanosleep")
PROGRAM(fmod_ret, "fmod_ret/should_failslab")
PROGRAM(lsm, "lsm/file_open")
PROGRAM(no_such_function, "fentry/pyzbpf_no_such_function")
PROGRAM(no_target, "fentry")
PROGRAM(replacing, "freplace/nobody")
PROGRAM(unknown, "pyzbpf/no_such_section")
PROGRAM(optional_unknown, "?pyzbpf/optional")
LICENSE("GPL");
