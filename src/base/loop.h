#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <sys/queue.h>

#include "base/attrs.h"
#include "base/view.h"

/*
 * The event loop of a process that holds many connections: one thread, epoll
 * (level-triggered). Watches, timers and tasks live inside the caller's own
 * objects and cost the loop no memory of their own. Any callback may add,
 * change, remove and free any of them, its own included, except that the loop
 * itself is freed only outside loop_run(): the loop touches nothing of an
 * object after it was removed.
 *
 * Fairness: in one turn each ready descriptor is called once, at most
 * LOOP_BATCH of them, then the timers that were due when the turn began, then
 * the tasks that were queued by then.
 *
 * After fork() a child must not use the loop, except for loop_free(), which
 * only closes the child's copies.
 */
struct loop;

#define LOOP_BATCH 64

enum loop_events {
	LOOP_READ = 1,
	LOOP_WRITE = 2,
	/* told, never asked for: error or hang-up. It comes together with
	 * the events that were asked for, so read or write to learn more. */
	LOOP_HUP = 4,
};

struct loop_fd {
	struct loop *loop; /* NULL: not watched */
	int fd;            /* stays the caller's */
	unsigned events;
	void (*fn)(void *ctx, unsigned events);
	void *ctx;
};

struct loop_timer {
	size_t at; /* 0: not set */
	uint64_t due_ms;
	void (*fn)(void *ctx);
	void *ctx;
};

struct loop_task {
	TAILQ_ENTRY(loop_task) link;
	struct loop *queued; /* NULL: not queued */
	void (*fn)(void *ctx);
	void *ctx;
};

/* 0 or negative errno. */
int loop_new(struct loop **out) A_MUST_USE;
/* Closes epoll and signalfd, restores the signal mask of loop_new(). Objects
 * still watched are forgotten, their descriptors stay open. */
void loop_free(struct loop **loop);

/*
 * Watch fd. *w is zeroed storage of the caller and must stay where it is until
 * loop_fd_del(). events 0 watches nothing (not even hang-up) until
 * loop_fd_set(). 0 or negative errno (-EPERM: a regular file).
 */
int loop_fd_add(struct loop *loop, struct loop_fd *w, int fd, unsigned events,
    void (*fn)(void *ctx, unsigned events), void *ctx) A_MUST_USE;
/* Change the interest; cheap when it is the same. 0 or negative errno. */
int loop_fd_set(struct loop_fd *w, unsigned events) A_MUST_USE;
/* Must come before the descriptor is closed. Does nothing when not watched. */
void loop_fd_del(struct loop_fd *w);

/* Call fn once, ms from now; sets it anew when it was set. *t is zeroed at
 * first. Resolution 1 ms, never early. */
void loop_timer_set(struct loop *loop, struct loop_timer *t, uint64_t ms,
    void (*fn)(void *ctx), void *ctx);
/* Does nothing when it is not set (it has fired, or never was). */
void loop_timer_del(struct loop *loop, struct loop_timer *t);
static inline bool
loop_timer_is_set(const struct loop_timer *t)
{
	return t->at != 0;
}

/* Call fn once at the end of this turn (from a task: of the next turn): the
 * place to free what functions further up may still hold. Once per queueing;
 * queueing a queued task changes nothing. */
void loop_task_add(
    struct loop *loop, struct loop_task *t, void (*fn)(void *ctx), void *ctx);
void loop_task_del(struct loop_task *t);

/* From now on signo is blocked in this process and told by fn inside the loop
 * (several at once may come as one). Children inherit the mask: reset it with
 * sigprocmask after fork. 0 or negative errno. */
int loop_signal(struct loop *loop, int signo, void (*fn)(void *ctx, int signo),
    void *ctx) A_MUST_USE;

/* Until loop_stop(): 0, or a negative errno of epoll_wait. */
int loop_run(struct loop *loop) A_MUST_USE;
/* One turn that waits at most max_ms (-1: as long as it takes). */
int loop_turn(struct loop *loop, int max_ms) A_MUST_USE;
void loop_stop(struct loop *loop);
/* clock_mono_ms() as of the start of this turn. */
uint64_t loop_now_ms(const struct loop *loop);

#endif
