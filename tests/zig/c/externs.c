/* Values, symbols and functions of the kernel as clang declares them. */
#include "core.h"

#define KCONFIG __attribute__((section(".kconfig")))
#define KSYM __attribute__((section(".ksyms")))
#define WEAK __attribute__((weak))

enum libbpf_tristate { TRI_NO = 0, TRI_YES = 1, TRI_MODULE = 2 };
struct task_struct { int pid; }; /* a declaration alone is another kind of type than the kernel's */

extern const char CONFIG_CC_VERSION_TEXT[16] KCONFIG;
extern const enum libbpf_tristate CONFIG_BPF_SYSCALL KCONFIG;
extern const enum libbpf_tristate CONFIG_NO_SUCH_OPTION KCONFIG WEAK;
extern const char CONFIG_BPF KCONFIG;
extern const _Bool CONFIG_NET KCONFIG WEAK;
extern const unsigned long CONFIG_HZ KCONFIG;
extern const unsigned LINUX_KERNEL_VERSION KCONFIG;
extern const _Bool LINUX_HAS_BPF_COOKIE KCONFIG;
extern const void _stext KSYM;
extern const void no_such_symbol KSYM WEAK;
extern const struct task_struct no_such_variable KSYM WEAK;
extern struct task_struct *bpf_task_from_pid(int pid) KSYM WEAK;
extern void bpf_task_release(struct task_struct *task) KSYM WEAK;
extern int bpf_no_such_function(int number) KSYM WEAK;

char text[16];
int tristate, missing_tristate = 9, found = 0, called = 0;
char letter, net;
unsigned long hertz, address, no_symbol = 9, no_variable = 9;
unsigned version, cookie;

__attribute__((section("syscall"), used)) int ask(void *context)
{
	for (int i = 0; i < 16; i++)
		text[i] = CONFIG_CC_VERSION_TEXT[i];
	tristate = CONFIG_BPF_SYSCALL;
	missing_tristate = CONFIG_NO_SUCH_OPTION;
	letter = CONFIG_BPF;
	net = CONFIG_NET;
	hertz = CONFIG_HZ;
	version = LINUX_KERNEL_VERSION;
	cookie = LINUX_HAS_BPF_COOKIE;
	address = (unsigned long)&_stext;
	no_symbol = (unsigned long)&no_such_symbol;
	no_variable = (unsigned long)&no_such_variable;
	if (bpf_task_from_pid) {
		struct task_struct *task = bpf_task_from_pid(2); /* kthreadd */
		if (task) {
			found = 1;
			bpf_task_release(task);
		}
	}
	if (bpf_no_such_function)
		called = bpf_no_such_function(1);
	return 0;
}
