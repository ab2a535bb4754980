#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"

/*
 * An exclusive lock on a file that belongs to the open descriptor and that the
 * kernel releases when the process dies. Waiters sleep in the kernel and are
 * served in the order they came.
 *
 * A wait is ended by a timer that sends LOCK_SIGNAL to the waiting thread; the
 * process leaves that signal alone. Where timers are forbidden it polls.
 */
#define LOCK_SIGNAL (SIGRTMAX - 1)

/* 0, -ETIMEDOUT, negative errno. timeout_ms 0: do not wait. */
int lock_take(int fd, unsigned timeout_ms) A_MUST_USE;
void lock_drop(int fd);

#endif
