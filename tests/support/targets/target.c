/* What user-space probes look at: a function and a USDT of known arguments, called when asked.
 *
 * Each byte on standard input is one request; the answer is one byte on standard output, written when
 * all is done:
 *   'f'  calls target_add(20, 22)
 *   'u'  passes the USDT target:done (s32 7, u64 0x1122334455667788)
 *   's'  the same for the USDT target:counted, but only where its semaphore is raised
 *   'm'  answers whether that semaphore is raised, '0' or '1'
 * Without a C library, so that it is small and the same for every machine that Zig compiles for.
 */
typedef unsigned long u64;

#if defined(__x86_64__)
enum { READ = 0, WRITE = 1, EXIT = 60 };
static long call(long number, long a, const void *b, long c) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}
__asm__(".globl _start\n_start: xor %ebp, %ebp\n and $-16, %rsp\n call run\n");
#elif defined(__aarch64__)
enum { READ = 63, WRITE = 64, EXIT = 93 };
static long call(long number, long a, const void *b, long c) {
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x2 __asm__("x2") = c;
    register const void *x1 __asm__("x1") = b;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
}
__asm__(".globl _start\n_start: mov x29, 0\n bl run\n");
#elif defined(__s390x__)
enum { READ = 3, WRITE = 4, EXIT = 1 };
static long call(long number, long a, const void *b, long c) {
    register long r1 __asm__("1") = number, r2 __asm__("2") = a, r4 __asm__("4") = c;
    register const void *r3 __asm__("3") = b;
    __asm__ volatile("svc 0" : "+d"(r2) : "d"(r1), "d"(r3), "d"(r4) : "memory");
    return r2;
}
__asm__(".globl _start\n_start: lghi %r11, 0\n aghi %r15, -160\n brasl %r14, run\n");
#else
#error "no system calls are written for this machine"
#endif

/* A note as systemtap's <sys/sdt.h> writes it: place, base, semaphore, provider, name, arguments. The
 * instruction is one byte or more that does nothing; every assembler here aligns .stapsdt.base alike. */
#define USDT(name, semaphore, arguments, ...)                                                              \
    __asm__ volatile("990: nop\n"                                                                          \
                     ".pushsection .note.stapsdt, \"?\", %%note\n"                                         \
                     ".balign 4\n.4byte 992f-991f, 994f-993f, 3\n"                                         \
                     "991: .asciz \"stapsdt\"\n992: .balign 4\n"                                           \
                     "993: .8byte 990b, _.stapsdt.base, " semaphore "\n"                                   \
                     ".asciz \"target\"\n.asciz \"" name "\"\n.asciz \"" arguments "\"\n"                  \
                     "994: .balign 4\n.popsection\n"                                                       \
                     ".ifndef _.stapsdt.base\n"                                                            \
                     ".pushsection .stapsdt.base, \"aG\", %%progbits, .stapsdt.base, comdat\n"             \
                     ".weak _.stapsdt.base\n.hidden _.stapsdt.base\n"                                      \
                     "_.stapsdt.base: .space 1\n.size _.stapsdt.base, 1\n.popsection\n.endif\n"            \
                     ::__VA_ARGS__)

__attribute__((section(".probes"), used)) unsigned short target_counted_semaphore;

__attribute__((noinline, used)) int target_add(int first, int second) {
    __asm__ volatile("" : "+r"(first));
    return first + second;
}

__attribute__((used, noreturn)) void run(void) {
    char request;
    while (call(READ, 0, &request, 1) == 1) {
        char answer = '?';
        if (request == 'f')
            answer = (char)target_add(20, 22); /* '*' is 42 */
        else if (request == 'u') {
            USDT("done", "0", "-4@%[a] 8@%[b]", [a] "r"(7), [b] "r"(0x1122334455667788ul));
            answer = 'u';
        } else if (request == 's') {
            if (*(volatile unsigned short *)&target_counted_semaphore)
                USDT("counted", "target_counted_semaphore", "-4@%[a]", [a] "r"(9));
            answer = 's';
        } else if (request == 'm')
            answer = *(volatile unsigned short *)&target_counted_semaphore ? '1' : '0';
        call(WRITE, 1, &answer, 1);
    }
    call(EXIT, 0, 0, 0);
    __builtin_unreachable();
}
