/* A wall clock that stands elsewhere, to be preloaded: CLOCK_OFFSET seconds later.
 *
 * Only what a program asks of the wall clock by clock_gettime is changed, and that is how ours asks. Waiting until a time
 * goes by what timespec_get says, in Kafka's client, and by the monotonic clock elsewhere; both stay as they are. (The
 * library of `faketime` changes one of the first two and not the other, and Kafka's client hangs.) */

#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *at) {
    int failed = (int)syscall(SYS_clock_gettime, id, at);
    const char *offset = getenv("CLOCK_OFFSET");
    if (!failed && id == CLOCK_REALTIME && offset)
        at->tv_sec += atol(offset);
    return failed;
}
