#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/random.h"
#include "tap.h"

static struct loop *loop;

static void
turn(int ms)
{
	if (loop_turn(loop, ms) != 0)
		abort();
}

struct end {
	struct loop_fd w;
	int fd, called;
	unsigned events;
	struct end *victim; /* removed and freed by the callback */
};

static void
on_end(void *ctx, unsigned events)
{
	struct end *e = ctx;

	e->called++;
	e->events = events;
	if (e->victim != NULL) {
		struct end *v = e->victim;

		e->victim = NULL;
		v->victim = NULL;
		loop_fd_del(&v->w);
		memset(v, 0xff, sizeof(*v));
		if (v != e)
			free(v);
	}
}

static void
pair(int s[2])
{
	if (socketpair(
		AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s) != 0)
		abort();
}

static void
test_fds(void)
{
	int s[2];
	struct end e = { 0 };
	char c;

	pair(s);
	tap_ok(
	    loop_fd_add(loop, &e.w, s[0], LOOP_READ, on_end, &e) == 0, "add");
	turn(0);
	tap_ok(e.called == 0, "nothing to read");
	tap_ok(write(s[1], "x", 1) == 1, "write");
	turn(0);
	turn(0);
	tap_ok(e.called == 2 && e.events == LOOP_READ,
	    "told each turn until it is read");
	tap_ok(read(s[0], &c, 1) == 1 &&
		loop_fd_set(&e.w, LOOP_READ | LOOP_WRITE) == 0,
	    "want to write too");
	turn(0);
	tap_ok(e.events == LOOP_WRITE, "can write");
	close(s[1]);
	tap_ok(loop_fd_set(&e.w, 0) == 0, "want nothing");
	e.called = 0;
	turn(0);
	tap_ok(e.called == 0, "not even a hang-up");
	tap_ok(loop_fd_set(&e.w, LOOP_READ) == 0, "want to read");
	turn(0);
	tap_ok(e.called == 1 && e.events == (LOOP_READ | LOOP_HUP),
	    "the hang-up comes as something to read");
	loop_fd_del(&e.w);
	loop_fd_del(&e.w);
	turn(0);
	tap_ok(e.called == 1, "removed");
	close(s[0]);
}

/* Both are ready in the same turn; whichever comes first frees the other. */
static void
test_free_in_batch(void)
{
	int a[2], b[2];
	struct end *x = calloc(1, sizeof(*x)), *y = calloc(1, sizeof(*y));
	struct end *left;

	if (x == NULL || y == NULL)
		abort();
	pair(a);
	pair(b);
	x->victim = y;
	y->victim = x;
	if (loop_fd_add(loop, &x->w, a[0], LOOP_READ, on_end, x) != 0 ||
	    loop_fd_add(loop, &y->w, b[0], LOOP_READ, on_end, y) != 0 ||
	    write(a[1], "x", 1) != 1 || write(b[1], "x", 1) != 1)
		abort();
	left = x; /* epoll tells in the order of readiness */
	turn(0);
	tap_ok(left->called == 1, "the freed one is not called");
	loop_fd_del(&left->w);
	free(left);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

static int fired[8], fired_n;

static void
on_timer(void *ctx)
{
	fired[fired_n++ % 8] = *(int *)ctx;
}

static void
test_timers(void)
{
	struct loop_timer t[3] = { 0 };
	int id[3] = { 0, 1, 2 };

	clock_fake_set(0, 1000000);
	turn(0);
	loop_timer_set(loop, &t[0], 30, on_timer, &id[0]);
	loop_timer_set(loop, &t[1], 10, on_timer, &id[1]);
	loop_timer_set(loop, &t[2], 20, on_timer, &id[2]);
	clock_fake_advance(9999);
	turn(0);
	tap_ok(fired_n == 0, "not early");
	clock_fake_advance(1);
	turn(0);
	tap_ok(fired_n == 1 && fired[0] == 1, "the earliest");
	tap_ok(!loop_timer_is_set(&t[1]) && loop_timer_is_set(&t[2]), "once");
	loop_timer_set(loop, &t[0], 5, on_timer, &id[0]);
	loop_timer_del(loop, &t[2]);
	loop_timer_del(loop, &t[2]);
	clock_fake_advance(100000);
	turn(0);
	tap_ok(fired_n == 2 && fired[1] == 0, "set anew, removed");
	clock_fake_off();
}

static uint64_t last_due;
static int order_ok = 1;

static void
on_order(void *ctx)
{
	struct loop_timer *t = ctx;

	order_ok = order_ok && t->due_ms >= last_due;
	last_due = t->due_ms;
}

static void
test_heap(void)
{
	enum { N = 1000 };
	static struct loop_timer t[N];
	bool none = true;

	clock_fake_set(0, 1000000000);
	turn(0);
	for (int i = 0; i < 20000; i++) {
		struct loop_timer *x = &t[random_below(N)];

		if (random_below(3) == 0)
			loop_timer_del(loop, x);
		else
			loop_timer_set(
			    loop, x, random_below(1000) + 1, on_order, x);
	}
	clock_fake_advance(2000000);
	turn(0);
	for (int i = 0; i < N; i++)
		none = none && !loop_timer_is_set(&t[i]);
	tap_ok(none && order_ok, "a thousand timers in their order");
	clock_fake_off();
}

static struct loop_timer again_timer;
static int again_n;

static void
on_again(void *ctx)
{
	again_n++;
	loop_timer_set(loop, &again_timer, 0, on_again, ctx);
}

static struct loop_task task_a, task_b;
static int task_n;

static void
on_task(void *ctx A_UNUSED)
{
	task_n++;
	loop_task_add(loop, &task_a, on_task, NULL);
	loop_task_del(&task_b);
}

static void
test_fairness(void)
{
	loop_timer_set(loop, &again_timer, 0, on_again, NULL);
	while (again_n == 0)
		turn(10);
	tap_ok(again_n == 1, "a timer that sets itself runs once a turn");
	loop_timer_del(loop, &again_timer);
	loop_task_add(loop, &task_a, on_task, NULL);
	loop_task_add(loop, &task_a, on_task, NULL);
	loop_task_add(loop, &task_b, on_task, NULL);
	turn(-1);
	tap_ok(task_n == 1, "a task too, and it can remove another");
	turn(-1);
	tap_ok(task_n == 2, "and does not wait");
	loop_task_del(&task_a);
	turn(0);
	tap_ok(task_n == 2, "removed");
}

/* More ready descriptors than one batch takes: all get their turn. */
static void
test_many(void)
{
	enum { N = LOOP_BATCH * 2 + 5 };
	static struct end e[N];
	int least = 100;

	for (int i = 0; i < N; i++) {
		int s[2];

		pair(s);
		e[i].fd = s[1];
		if (write(s[1], "x", 1) != 1 ||
		    loop_fd_add(
			loop, &e[i].w, s[0], LOOP_READ, on_end, &e[i]) != 0)
			abort();
	}
	for (int i = 0; i < 9; i++)
		turn(0);
	for (int i = 0; i < N; i++) {
		least = e[i].called < least ? e[i].called : least;
		close(e[i].fd);
		loop_fd_del(&e[i].w);
		close(e[i].w.fd);
	}
	tap_ok(least >= 3, "nobody starves: at least %d of 9 turns", least);
}

static int signals;

static void
on_signal(void *ctx, int signo)
{
	signals = signo;
	loop_stop(ctx);
}

int
main(void)
{
	sigset_t mask;

	if (loop_new(&loop) != 0)
		abort();
	test_fds();
	test_free_in_batch();
	test_timers();
	test_heap();
	test_fairness();
	test_many();
	tap_ok(loop_signal(loop, SIGUSR1, on_signal, loop) == 0 &&
		loop_signal(loop, SIGHUP, on_signal, loop) == 0,
	    "signals");
	kill(getpid(), SIGHUP);
	tap_ok(loop_run(loop) == 0 && signals == SIGHUP, "run until stopped");
	kill(getpid(), SIGUSR1);
	tap_ok(loop_run(loop) == 0 && signals == SIGUSR1, "and again");
	loop_free(&loop);
	loop_free(&loop);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	tap_ok(sigismember(&mask, SIGHUP) == 0, "the mask is restored");
	return tap_done();
}
