#include "session/client.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

/* Without a hub somebody must look whether the account changed. */
#define LOOK_MS 250

void
client_end(struct client *c, enum client_end end)
{
	if (c->ending)
		return;
	c->end = end;
	c->ending = true;
}

/* Take what the hub has said. */
static void
hear(struct client *c, bool between)
{
	char dropped[HUB_TEXT_MAX + 1];

	switch (hub_take(c->env->hub, between ? c->stop_text : dropped)) {
	case HUB_NOTHING:
		break;
	case HUB_NEWS:
		c->changed = true;
		break;
	case HUB_STOP:
		c->stop = true;
		break;
	}
}

/* For output.h: what the hub says while the client does not read. */
static bool
heard_writing(void *ctx)
{
	struct client *c = ctx;

	hear(c, false);
	return c->stop;
}

void
client_begin(struct client *c, const struct client_env *env, unsigned idle_ms)
{
	unsigned ms = env->write_ms != 0 ? env->write_ms : CLIENT_WRITE_MS;
	struct timeval tv = { .tv_sec = ms / 1000,
		.tv_usec = (suseconds_t)(ms % 1000) * 1000 };

	*c = (struct client){ .env = env,
		.log = env->log,
		.cpu_seen = -1,
		.stop_text = "Server is going down",
		.idle_ms = env->idle_ms != 0 ? env->idle_ms : idle_ms };
	output_init(&c->out, env->out, ms);
	if (env->hub != -1) {
		c->out.watch = env->hub;
		c->out.heard = heard_writing;
		c->out.heard_ctx = c;
	}
	/* fails on pipes, where nobody waits for it */
	(void)setsockopt(env->out, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	c->input_bytes = xmalloc(CLIENT_INPUT);
	assert(env->unread.n <= CLIENT_UNREAD_MAX);
	if (env->unread.n > 0)
		memcpy(c->input_bytes, env->unread.p, env->unread.n);
	c->input = (struct view){ c->input_bytes, env->unread.n };
}

/* ---- the account ---- */

static void
log_notice(struct client *c)
{
	struct log_line l;
	struct why w;

	if (!account_notice(c->account, &w))
		return;
	log_begin(&l, c->log, LOG_FAILURES, "damage");
	log_view(&l, "user", c->env->user);
	log_str(&l, "why", w.text);
	log_end(&l);
}

int
client_account(struct client *c)
{
	struct account **kept = c->env->kept;
	struct why w = { "" };
	struct log_line l;
	int r;

	if (kept != NULL && *kept != NULL) {
		c->account = *kept;
		return 0;
	}
	r = account_open(
	    c->env->dir, c->env->create, c->env->options, &c->account, &w);
	if (r == 0) {
		if (kept != NULL)
			*kept = c->account;
		log_notice(c);
		return 0;
	}
	log_begin(&l, c->log, LOG_FAILURES, "open-account");
	log_view(&l, "user", c->env->user);
	log_i64(&l, "result", r);
	log_str(&l, "why", w.text);
	log_end(&l);
	return r;
}

/* ---- waiting ---- */

/* Past the limit the kernel ends the process, and with it only this client's
 * session. */
void
client_limit_cpu(struct client *c)
{
	unsigned most = c->env->cpu_s != 0 ? c->env->cpu_s : CLIENT_CPU_S;
	struct timespec t;
	struct rlimit r;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == -1 ||
	    t.tv_sec == c->cpu_seen || getrlimit(RLIMIT_CPU, &r) == -1)
		return;
	c->cpu_seen = t.tv_sec;
	r.rlim_cur = (rlim_t)t.tv_sec + most + 1;
	if (r.rlim_max != RLIM_INFINITY && r.rlim_cur > r.rlim_max)
		r.rlim_cur = r.rlim_max;
	(void)setrlimit(RLIMIT_CPU, &r);
}

static bool
over(struct client *c, enum client_end end)
{
	client_end(c, end);
	return false;
}

/* Read once. False: there was nothing after all, or it is over. */
static bool
read_input(struct client *c)
{
	ssize_t r = read(c->env->in, c->input_bytes, CLIENT_INPUT);

	if (r == -1 && (errno == EINTR || errno == EAGAIN))
		return false;
	if (r <= 0)
		return over(c, CLIENT_GONE);
	c->input = (struct view){ c->input_bytes, (size_t)r };
	return true;
}

void
client_check(struct client *c)
{
	if (c->out.error != 0)
		client_end(c, CLIENT_GONE);
}

/* How long poll() may sleep. */
static int
sleep_ms(const struct client *c, uint64_t until, bool news)
{
	uint64_t now = clock_mono_ms();
	uint64_t left = until > now ? until - now : 0;

	if (news && c->env->hub == -1 && left > LOOK_MS)
		return LOOK_MS;
	return left > INT32_MAX ? INT32_MAX : (int)left;
}

/* Until something comes from the client or the hub. */
static bool
wait_input(struct client *c, bool between, bool news)
{
	uint64_t until = clock_mono_ms() + c->idle_ms;
	struct pollfd p[2] = { { .fd = c->env->in, .events = POLLIN },
		{ .fd = c->env->hub, .events = POLLIN } };

	while (!news || !c->changed) {
		int r;

		if (c->stop)
			p[1].fd = -1; /* it has said its last */
		r = poll(p, 2, sleep_ms(c, until, news));
		if (r == -1 && errno != EINTR)
			return over(c, CLIENT_GONE);
		if (r > 0 && p[1].revents != 0)
			hear(c, between);
		if (c->stop && between)
			return over(c, CLIENT_SHUTDOWN);
		if (r > 0 && p[0].revents != 0 && read_input(c))
			return true;
		if (c->ending)
			return false;
		if (r == 0 && news && c->env->hub == -1)
			c->changed = true;
		else if (r == 0 && clock_mono_ms() >= until)
			return over(c, CLIENT_IDLE);
	}
	return true;
}

bool
client_wait(struct client *c, bool between, bool news)
{
	if (c->ending)
		return false;
	if (c->input.n > 0)
		return true;
	if ((between ? output_rest(&c->out) : output_flush(&c->out)) != 0)
		return over(c, CLIENT_GONE);
	if (c->stop && between) /* heard while that went out */
		return over(c, CLIENT_SHUTDOWN);
	return wait_input(c, between, news);
}

/* ---- the end ---- */

static const char *
end_name(enum client_end end)
{
	switch (end) {
	case CLIENT_LOGOUT:
		return "logout";
	case CLIENT_GONE:
		return "closed";
	case CLIENT_IDLE:
		return "autologout";
	case CLIENT_SHUTDOWN:
		return "shutdown";
	case CLIENT_REFUSED:
		return "refused";
	case CLIENT_FAILED:
		return "failed";
	}
	return "-";
}

enum client_end
client_finish(struct client *c)
{
	struct log_line l;

	(void)output_flush(&c->out);
	log_begin(&l, c->log, LOG_MAJOR, "session-end");
	log_view(&l, "user", c->env->user);
	log_view(&l, "remote", c->env->remote);
	log_str(&l, "why", end_name(c->end));
	log_u64(&l, "sent", c->out.sent);
	if (c->out.error != 0)
		log_errno(&l, "error", c->out.error);
	log_end(&l);
	output_fini(&c->out);
	free(c->input_bytes);
	/* an orderly stop leaves a view that outlives the boot */
	if (c->account != NULL && c->end == CLIENT_SHUTDOWN)
		(void)!account_settle(c->account);
	if (c->env->kept == NULL)
		account_close(&c->account);
	return c->end;
}
