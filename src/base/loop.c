#include "base/loop.h"

#include <assert.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"

/*
 * Watches live in the caller's objects, and epoll hands back pointers to them.
 * An object may die while events for it wait in the batch at hand: its removal
 * therefore strikes it out of the rest of the batch (at most LOOP_BATCH
 * entries), and nothing else in here remembers it.
 *
 * A watch without interest is taken out of epoll: level-triggered hang-ups,
 * which cannot be masked, would otherwise spin.
 */
#define SIGNALS_PER_TURN 16

TAILQ_HEAD(task_queue, loop_task);

struct loop {
	int epoll, sigfd;
	bool stop;
	uint64_t now_ms;
	struct epoll_event batch[LOOP_BATCH];
	int batch_n, batch_at;    /* those from batch_at on wait */
	struct loop_timer **heap; /* [1..timers], the earliest first */
	size_t timers, heap_size;
	struct task_queue tasks, running;
	sigset_t signals, old_mask;
	struct loop_fd sig_watch;
	struct {
		void (*fn)(void *ctx, int signo);
		void *ctx;
	} on_signal[NSIG];
};

int
loop_new(struct loop **out)
{
	struct loop *loop = xcalloc(1, sizeof(*loop));

	loop->sigfd = -1;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll == -1) {
		int err = errno;

		free(loop);
		return -err;
	}
	TAILQ_INIT(&loop->tasks);
	TAILQ_INIT(&loop->running);
	sigemptyset(&loop->signals);
	sigprocmask(SIG_SETMASK, NULL, &loop->old_mask);
	loop->now_ms = clock_mono_ms();
	*out = loop;
	return 0;
}

void
loop_free(struct loop **loopp)
{
	struct loop *loop = *loopp;

	if (loop == NULL)
		return;
	if (loop->sigfd != -1)
		sigprocmask(SIG_SETMASK, &loop->old_mask, NULL);
	fd_close(&loop->sigfd);
	fd_close(&loop->epoll);
	free(loop->heap);
	free(loop);
	*loopp = NULL;
}

static uint32_t
to_epoll(unsigned events)
{
	return ((events & LOOP_READ) != 0 ? (uint32_t)EPOLLIN : 0) |
	    ((events & LOOP_WRITE) != 0 ? (uint32_t)EPOLLOUT : 0);
}

static int
control(struct loop_fd *w, int op, unsigned events)
{
	struct epoll_event e = { .events = to_epoll(events), .data.ptr = w };

	return epoll_ctl(w->loop->epoll, op, w->fd, &e) == 0 ? 0 : -errno;
}

/* Events of w that still wait in this batch come to nothing. */
static void
strike_out(struct loop_fd *w)
{
	struct loop *loop = w->loop;

	for (int i = loop->batch_at; i < loop->batch_n; i++) {
		if (loop->batch[i].data.ptr == w)
			loop->batch[i].data.ptr = NULL;
	}
}

int
loop_fd_add(struct loop *loop, struct loop_fd *w, int fd, unsigned events,
    void (*fn)(void *ctx, unsigned events), void *ctx)
{
	int r;

	assert(w->loop == NULL);
	events &= LOOP_READ | LOOP_WRITE;
	*w = (struct loop_fd){ loop, fd, events, fn, ctx };
	if (events != 0 && (r = control(w, EPOLL_CTL_ADD, events)) != 0) {
		w->loop = NULL;
		return r;
	}
	return 0;
}

int
loop_fd_set(struct loop_fd *w, unsigned events)
{
	int op, r;

	assert(w->loop != NULL);
	events &= LOOP_READ | LOOP_WRITE;
	if (events == w->events)
		return 0;
	op = w->events == 0 ? EPOLL_CTL_ADD
	    : events == 0   ? EPOLL_CTL_DEL
			    : EPOLL_CTL_MOD;
	if ((r = control(w, op, events)) == 0)
		w->events = events;
	return r;
}

void
loop_fd_del(struct loop_fd *w)
{
	if (w->loop == NULL)
		return;
	if (w->events != 0)
		(void)control(w, EPOLL_CTL_DEL, 0);
	strike_out(w);
	w->loop = NULL;
	w->events = 0;
}

static void
heap_put(struct loop *loop, size_t at, struct loop_timer *t)
{
	loop->heap[at] = t;
	t->at = at;
}

static void
heap_up(struct loop *loop, size_t at, struct loop_timer *t)
{
	for (; at > 1 && loop->heap[at / 2]->due_ms > t->due_ms; at /= 2)
		heap_put(loop, at, loop->heap[at / 2]);
	heap_put(loop, at, t);
}

static void
heap_down(struct loop *loop, size_t at, struct loop_timer *t)
{
	for (size_t kid; (kid = 2 * at) <= loop->timers; at = kid) {
		if (kid < loop->timers &&
		    loop->heap[kid + 1]->due_ms < loop->heap[kid]->due_ms)
			kid++;
		if (loop->heap[kid]->due_ms >= t->due_ms)
			break;
		heap_put(loop, at, loop->heap[kid]);
	}
	heap_put(loop, at, t);
}

void
loop_timer_del(struct loop *loop, struct loop_timer *t)
{
	size_t at = t->at;
	struct loop_timer *last;

	if (at == 0)
		return;
	assert(at <= loop->timers && loop->heap[at] == t);
	last = loop->heap[loop->timers--];
	t->at = 0;
	if (last == t)
		return;
	if (at > 1 && loop->heap[at / 2]->due_ms > last->due_ms)
		heap_up(loop, at, last);
	else
		heap_down(loop, at, last);
}

void
loop_timer_set(struct loop *loop, struct loop_timer *t, uint64_t ms,
    void (*fn)(void *ctx), void *ctx)
{
	uint64_t now_us = clock_mono_us(), now = now_us / 1000;

	loop_timer_del(loop, t);
	if (ms > 0 && now_us % 1000 != 0)
		now++; /* never early */
	if (__builtin_add_overflow(now, ms, &t->due_ms))
		t->due_ms = UINT64_MAX;
	if (t->due_ms <= loop->now_ms) /* none runs twice in a turn */
		t->due_ms = loop->now_ms + 1;
	t->fn = fn;
	t->ctx = ctx;
	if (loop->timers + 1 >= loop->heap_size) {
		loop->heap_size =
		    loop->heap_size == 0 ? 64 : loop->heap_size * 2;
		loop->heap =
		    xrealloc(loop->heap, loop->heap_size, sizeof(*loop->heap));
	}
	heap_up(loop, ++loop->timers, t);
}

void
loop_task_add(
    struct loop *loop, struct loop_task *t, void (*fn)(void *ctx), void *ctx)
{
	if (t->queued != NULL)
		return;
	t->queued = loop;
	t->fn = fn;
	t->ctx = ctx;
	TAILQ_INSERT_TAIL(&loop->tasks, t, link);
}

/* TAILQ_REMOVE asks the head only for the last element's place, and here a
 * task may be in either queue. */
void
loop_task_del(struct loop_task *t)
{
	struct loop_task *i;

	if (t->queued == NULL)
		return;
	TAILQ_FOREACH (i, &t->queued->running, link) {
		if (i == t)
			break;
	}
	if (i != NULL)
		TAILQ_REMOVE(&t->queued->running, t, link);
	else
		TAILQ_REMOVE(&t->queued->tasks, t, link);
	t->queued = NULL;
}

static void
on_sigfd(void *ctx, unsigned events A_UNUSED)
{
	struct loop *loop = ctx;
	struct signalfd_siginfo si;

	for (int i = 0; i < SIGNALS_PER_TURN; i++) {
		if (read(loop->sigfd, &si, sizeof(si)) != sizeof(si))
			return;
		if (si.ssi_signo < NSIG &&
		    loop->on_signal[si.ssi_signo].fn != NULL)
			loop->on_signal[si.ssi_signo].fn(
			    loop->on_signal[si.ssi_signo].ctx,
			    (int)si.ssi_signo);
	}
}

int
loop_signal(
    struct loop *loop, int signo, void (*fn)(void *ctx, int signo), void *ctx)
{
	int fd;

	assert(signo > 0 && signo < NSIG);
	sigaddset(&loop->signals, signo);
	if (sigprocmask(SIG_BLOCK, &loop->signals, NULL) != 0)
		return -errno;
	fd = signalfd(loop->sigfd, &loop->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd == -1)
		return -errno;
	loop->on_signal[signo].fn = fn;
	loop->on_signal[signo].ctx = ctx;
	if (loop->sigfd != -1)
		return 0;
	loop->sigfd = fd;
	return loop_fd_add(
	    loop, &loop->sig_watch, fd, LOOP_READ, on_sigfd, loop);
}

static void
run_fds(struct loop *loop)
{
	while (loop->batch_at < loop->batch_n) {
		struct epoll_event *e = &loop->batch[loop->batch_at++];
		struct loop_fd *w = e->data.ptr;
		unsigned events = 0;

		if (w == NULL)
			continue;
		if ((e->events & EPOLLIN) != 0)
			events |= LOOP_READ;
		if ((e->events & EPOLLOUT) != 0)
			events |= LOOP_WRITE;
		if ((e->events & (EPOLLERR | EPOLLHUP)) != 0)
			events |= LOOP_HUP | LOOP_READ | LOOP_WRITE;
		/* the interest may have changed since the batch was taken */
		events &= w->events | LOOP_HUP;
		if (w->events != 0 && events != 0)
			w->fn(w->ctx, events);
	}
	loop->batch_n = loop->batch_at = 0;
}

static void
run_timers(struct loop *loop)
{
	while (loop->timers > 0 && loop->heap[1]->due_ms <= loop->now_ms) {
		struct loop_timer *t = loop->heap[1];

		loop_timer_del(loop, t);
		t->fn(t->ctx);
	}
}

static void
run_tasks(struct loop *loop)
{
	struct loop_task *t;

	TAILQ_CONCAT(&loop->running, &loop->tasks, link);
	while ((t = TAILQ_FIRST(&loop->running)) != NULL) {
		TAILQ_REMOVE(&loop->running, t, link);
		t->queued = NULL;
		t->fn(t->ctx);
	}
}

static int
wait_ms(struct loop *loop, int max_ms)
{
	uint64_t now = clock_mono_ms(), left;

	if (!TAILQ_EMPTY(&loop->tasks))
		return 0;
	if (loop->timers == 0)
		return max_ms;
	left = loop->heap[1]->due_ms <= now ? 0 : loop->heap[1]->due_ms - now;
	if (max_ms >= 0 && left > (uint64_t)max_ms)
		return max_ms;
	return left > INT_MAX ? INT_MAX : (int)left;
}

int
loop_turn(struct loop *loop, int max_ms)
{
	int n = epoll_wait(
	    loop->epoll, loop->batch, LOOP_BATCH, wait_ms(loop, max_ms));

	if (n == -1 && errno != EINTR)
		return -errno;
	loop->now_ms = clock_mono_ms();
	loop->batch_n = n > 0 ? n : 0;
	loop->batch_at = 0;
	run_fds(loop);
	run_timers(loop);
	run_tasks(loop);
	return 0;
}

int
loop_run(struct loop *loop)
{
	loop->stop = false;
	while (!loop->stop) {
		int r = loop_turn(loop, -1);

		if (r != 0)
			return r;
	}
	return 0;
}

void
loop_stop(struct loop *loop)
{
	loop->stop = true;
}

uint64_t
loop_now_ms(const struct loop *loop)
{
	return loop->now_ms;
}
