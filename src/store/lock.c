#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/*
 * fcntl() knows no timeout, and polling costs either processor time or latency,
 * so the wait is F_OFD_SETLKW with a timer that interrupts it. The timer fires
 * again and again, so that a signal between arming and sleeping is not lost.
 */

static int
lock_call(int fd, int cmd, short type)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_len = 1 };

	return fcntl(fd, cmd, &l) == 0 ? 0 : -errno;
}

static void
on_timer(int sig)
{
	(void)sig; /* it is the EINTR that is wanted */
}

/* A timer that interrupts this thread; false where that is not possible. */
static bool
timer_make(timer_t *t)
{
	struct sigaction sa = { .sa_handler = on_timer };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = LOCK_SIGNAL };
	sigset_t set;

	ev._sigev_un._tid = gettid();
	sigemptyset(&sa.sa_mask);
	sigemptyset(&set);
	sigaddset(&set, LOCK_SIGNAL);
	return sigaction(LOCK_SIGNAL, &sa, NULL) == 0 &&
	    sigprocmask(SIG_UNBLOCK, &set, NULL) == 0 &&
	    timer_create(CLOCK_MONOTONIC, &ev, t) == 0;
}

static bool
timer_start(timer_t t, unsigned timeout_ms)
{
	struct itimerspec when = {
		.it_value = { timeout_ms / 1000,
		    (long)(timeout_ms % 1000) * 1000000 },
		.it_interval = { 0, 20 * 1000000 },
	};

	return timer_settime(t, 0, &when, NULL) == 0;
}

static int
wait_sleeping(int fd, timer_t t, unsigned timeout_ms, uint64_t deadline)
{
	int r = -EINTR;

	if (!timer_start(t, timeout_ms))
		return -EINVAL;
	while (r == -EINTR && clock_mono_ms() < deadline)
		r = lock_call(fd, F_OFD_SETLKW, F_WRLCK);
	return r == -EINTR ? -ETIMEDOUT : r;
}

static int
wait_polling(int fd, uint64_t deadline)
{
	struct timespec nap = { 0, 500 * 1000 };
	int r = -EAGAIN;

	while (r == -EAGAIN && clock_mono_ms() < deadline) {
		nanosleep(&nap, NULL);
		r = lock_call(fd, F_OFD_SETLK, F_WRLCK);
	}
	return r == -EAGAIN ? -ETIMEDOUT : r;
}

int
lock_take(int fd, unsigned timeout_ms)
{
	int r = lock_call(fd, F_OFD_SETLK, F_WRLCK);
	uint64_t deadline;
	timer_t t;

	if (r == -EACCES)
		r = -EAGAIN;
	if (r != -EAGAIN)
		return r;
	if (timeout_ms == 0)
		return -ETIMEDOUT;
	deadline = clock_mono_ms() + timeout_ms;
	if (!timer_make(&t))
		return wait_polling(fd, deadline);
	r = wait_sleeping(fd, t, timeout_ms, deadline);
	timer_delete(t);
	return r;
}

void
lock_drop(int fd)
{
	int r = lock_call(fd, F_OFD_SETLK, F_UNLCK);

	(void)r; /* only fails for a descriptor that is none: nothing is held */
}
