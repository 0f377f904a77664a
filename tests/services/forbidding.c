// Preloaded into perfproof, answers for the kernel where it is asked for performance events: FORBID_WITH is the errno.
// A stand-in for kernel.perf_event_paranoid, which no test may change for the whole machine.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>

long syscall(long number, ...) {
    static long (*real)(long, ...);
    const char* with = getenv("FORBID_WITH");
    if (number == SYS_perf_event_open && with) { errno = atoi(with); return -1; }
    if (!real) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    va_list list;
    va_start(list, number);
    long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
    long d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
    va_end(list);
    return real(number, a, b, c, d, e, f);
}
