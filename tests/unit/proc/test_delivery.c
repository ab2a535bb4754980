#include "proc/delivery.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "../store/scratch.h"
#include "base/fd.h"
#include "proc/msg_deliver.h"
#include "proc/msg_out.h"
#include "proc/msg_session.h"
#include "proc/submit.h"
#include "session/scripts.h"
#include "store/io.h"
#include "tap.h"

/*
 * A delivery process with the test in the place of the hub, of out behind it,
 * and of a front end: what leaves, in which order, and what is answered when
 * something goes wrong on the way.
 */
#define WAIT_S 30
#define REDIRECTS                                                              \
	"require \"copy\"; redirect :copy \"x@example.com\"; "                 \
	"redirect :copy \"y@example.com\";"

static int dir;
static bool *full; /* shared: writes of the process find no room */

static struct {
	pid_t pid;
	int hub, channel; /* our ends */
	uint64_t next;
} world;

static int
fail_writes(void *ctx, const struct io_event *e, uint64_t *size)
{
	(void)ctx;
	(void)size;
	return *full && (e->op == IO_WRITE || e->op == IO_ALLOCATE) ? -ENOSPC
								    : IO_GO;
}

static void
pair_of(int *ours, int *theirs)
{
	const struct timeval t = { .tv_sec = WAIT_S };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0 ||
	    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) != 0)
		abort();
	*ours = pair[0];
	*theirs = pair[1];
}

static int
child(int hub, int channel)
{
	static const struct io_hooks hooks = { .before = fail_writes };
	AUTO_BUF struct buf first = BUF_INIT(64);
	struct log log;
	struct delivery_env e = { .hub = hub,
		.first = channel,
		.dir = dir,
		.account = VIEW_LIT("bob@example.org"),
		.max_message = 1 << 20,
		.host = VIEW_LIT("mail.example.org"),
		.log = &log };

	log_init(&log, -1, LOG_STYLE_PLAIN, LOG_CRASHES, "TEST", 0);
	io_hooks = &hooks;
	msg_deliver_plain_put(&first, MSG_DELIVER_CHANNEL);
	return delivery_run(&e, buf_view(&first));
}

/* One message; *w is what stands behind its type. That something was committed
 * is no news here. */
static bool
hear(int sock, uint32_t type, struct wire *w, int *fd)
{
	static uint8_t p[MSG_MAX];
	uint32_t got;
	ssize_t n;

	do {
		fd_close(fd);
		n = fd_recv(sock, p, sizeof(p), fd);
		*w = wire_read((struct view){ p, n > 0 ? (size_t)n : 0 });
		got = wire_u32(w);
	} while (n > 0 &&
	    (got == MSG_SESSION_COMMITTED || got == MSG_SESSION_WATCH));
	return n > 0 && got == type;
}

static bool
hear_plain(int sock, uint32_t type)
{
	AUTO_CLOSE int fd = -1;
	struct wire w;

	return hear(sock, type, &w, &fd);
}

static void
start(const char *script)
{
	struct scripts *s = scripts_new(dir, NULL);
	int hub, channel;

	if (scripts_put(s, VIEW_LIT("main"), view_str(script)) != SCRIPTS_OK ||
	    scripts_activate(s, VIEW_LIT("main")) != SCRIPTS_OK)
		abort();
	scripts_free(&s);
	pair_of(&world.hub, &hub);
	pair_of(&world.channel, &channel);
	fflush(stdout);
	if ((world.pid = fork()) == 0) {
		fd_close(&world.hub);
		fd_close(&world.channel);
		_exit(child(hub, channel));
	}
	fd_close(&hub);
	fd_close(&channel);
	if (!hear_plain(world.hub, MSG_SESSION_READY) ||
	    !hear_plain(world.channel, MSG_DELIVER_TAKEN))
		abort();
}

static bool
end(void)
{
	int status = -1;

	fd_close(&world.hub);
	fd_close(&world.channel);
	return waitpid(world.pid, &status, 0) == world.pid &&
	    WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* As a large one comes. */
static void
give_file(const char *text)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_MAX);
	AUTO_CLOSE int fd = submit_sealed(view_str(text));
	struct msg_deliver m = { .delivery = ++world.next,
		.sender = VIEW_LIT("alice@example.net"),
		.recipient = VIEW_LIT("bob@example.org"),
		.lmtp = true };

	msg_deliver_put(&b, &m);
	if (fd == -1 || fd_send(world.channel, buf_view(&b), fd) != 0)
		abort();
}

static void
give_from(const char *sender, const char *text)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_MAX);
	struct msg_deliver m = { .delivery = ++world.next,
		.sender = view_str(sender),
		.recipient = VIEW_LIT("bob@example.org"),
		.lmtp = true,
		.octets = view_str(text) };

	msg_deliver_put(&b, &m);
	if (fd_send(world.channel, buf_view(&b), -1) != 0)
		abort();
}

static void
give(const char *text)
{
	give_from("alice@example.net", text);
}

struct submitted {
	uint64_t number, file;
	char sender[64];
	uint8_t key[MSG_OUT_KEY_SIZE];
};

static bool
submission(struct submitted *s)
{
	AUTO_CLOSE int fd = -1;
	struct msg_out_submit m;
	struct stat st;
	struct wire w;

	if (!hear(world.hub, MSG_OUT_SUBMIT, &w, &fd) ||
	    !msg_out_submit_get(&w, MSG_OUT_SUBMIT, &m) || fd == -1 ||
	    fstat(fd, &st) != 0)
		return false;
	s->number = m.number;
	s->file = st.st_ino;
	snprintf(s->sender, sizeof(s->sender), "%.*s", (int)m.sender.n,
	    m.sender.n > 0 ? (const char *)m.sender.p : "");
	memcpy(s->key, m.key, sizeof(s->key));
	return true;
}

static bool
answer(const struct submitted *s, enum msg_out_result result)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_MAX);
	struct msg_out_taken m = { s->number, (uint8_t)result,
		VIEW_LIT("text") };

	msg_out_taken_put(&b, MSG_OUT_SUBMITTED, &m);
	return fd_send(world.hub, buf_view(&b), -1) == 0;
}

/* It is stored: so many keys are done; the last of them. */
static bool
finish(size_t n, enum msg_out_result result, uint8_t last[MSG_OUT_KEY_SIZE])
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_MAX);
	AUTO_CLOSE int fd = -1;
	struct msg_out_taken t = { .result = (uint8_t)result };
	struct msg_out_done m;
	struct wire w;

	if (!hear(world.hub, MSG_OUT_DONE, &w, &fd) ||
	    !msg_out_done_get(&w, MSG_OUT_DONE, &m) ||
	    m.keys.n != n * MSG_OUT_KEY_SIZE)
		return false;
	memcpy(last, m.keys.p + m.keys.n - MSG_OUT_KEY_SIZE, MSG_OUT_KEY_SIZE);
	t.number = m.number;
	msg_out_taken_put(&b, MSG_OUT_SUBMITTED, &t);
	return fd_send(world.hub, buf_view(&b), -1) == 0;
}

static bool
finished(size_t n)
{
	uint8_t last[MSG_OUT_KEY_SIZE];

	return finish(n, MSG_OUT_QUEUED, last);
}

/* What is said of the message given last but `before`. */
static int
result(uint64_t before, char status[16])
{
	AUTO_CLOSE int fd = -1;
	struct msg_delivered m;
	struct wire w;

	if (!hear(world.channel, MSG_DELIVER_DELIVERED, &w, &fd) ||
	    !msg_delivered_get(&w, &m) || m.delivery != world.next - before)
		return -1;
	snprintf(status, 16, "%.*s", (int)m.status.n,
	    m.status.n > 0 ? (const char *)m.status.p : "");
	return m.result;
}

static void
shutdown_by_hub(void)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_MAX);

	msg_session_shutdown_put(&b, "now");
	if (fd_send(world.hub, buf_view(&b), -1) != 0)
		abort();
}

static bool
is_silent(int sock)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

/* Told to go while out writes: what waits in the channel is sent on, too. */
static void
test_leave(void)
{
	struct submitted a, b;
	char text[16];
	bool good;

	start("redirect \"x@example.com\";");
	give("Subject: one\r\n\r\none\r\n");
	good = submission(&a);
	give("Subject: two\r\n\r\ntwo\r\n");
	shutdown_by_hub();
	good = good && answer(&a, MSG_OUT_QUEUED) && finished(1) &&
	    result(1, text) == MSG_DELIVER_OK;
	tap_ok(good, "one that was under way");
	good = submission(&b) && answer(&b, MSG_OUT_QUEUED) && finished(1);
	tap_ok(good && result(0, text) == MSG_DELIVER_OK,
	    "one that waited when it was told to go");
	good = hear_plain(world.channel, MSG_DELIVER_LEFT);
	tap_ok(end() && good, "then it leaves");
}

static bool
same_keys(const struct submitted *a, const struct submitted *b)
{
	return memcmp(a->key, b->key, sizeof(a->key)) == 0;
}

/* Both are taken and the disk is full: never for good, and the same again. */
static void
test_full_after_leaving(void)
{
	struct submitted a, b, c, d;
	char text[16];
	bool good;

	start(REDIRECTS);
	*full = true;
	give("Subject: one\r\n\r\none\r\n");
	good = submission(&a) && submission(&b) && answer(&a, MSG_OUT_QUEUED) &&
	    answer(&b, MSG_OUT_QUEUED);
	tap_ok(good && a.file == b.file, "two, of the same octets");
	tap_ok(result(0, text) == MSG_DELIVER_TEMPORARY &&
		strcmp(text, "4.3.1") == 0,
	    "the disk is full: %s", text);
	*full = false;
	give("Subject: one\r\n\r\none\r\n");
	good = submission(&c) && submission(&d) && answer(&c, MSG_OUT_QUEUED) &&
	    answer(&d, MSG_OUT_QUEUED);
	tap_ok(good && same_keys(&a, &c) && same_keys(&b, &d) &&
		!same_keys(&a, &b),
	    "brought again: the same keys");
	good = finished(2) && result(0, text) == MSG_DELIVER_OK;
	tap_ok(end() && good, "and stored");
}

/* One is taken, the other not now: all of it again. */
static void
test_partly(void)
{
	struct submitted a, b, c, d;
	char text[16];
	bool good;

	start(REDIRECTS);
	give("Subject: part\r\n\r\npart\r\n");
	good = submission(&a) && submission(&b) && answer(&b, MSG_OUT_LATER) &&
	    answer(&a, MSG_OUT_QUEUED);
	tap_ok(good && result(0, text) == MSG_DELIVER_TEMPORARY,
	    "one of two is not taken: later");
	give("Subject: part\r\n\r\npart\r\n");
	good = submission(&c) && submission(&d) && same_keys(&a, &c) &&
	    same_keys(&b, &d) && answer(&c, MSG_OUT_QUEUED) &&
	    answer(&d, MSG_OUT_REFUSED) && finished(2) &&
	    result(0, text) == MSG_DELIVER_OK;
	tap_ok(end() && good, "refused for good: kept here");
}

/* Nobody answers any more: told as not done, at once. */
static void
test_hub_is_gone(void)
{
	struct submitted a;
	char text[16];
	bool good;

	start("redirect \"x@example.com\";");
	give("Subject: gone\r\n\r\ngone\r\n");
	good = submission(&a);
	give("Subject: two\r\n\r\ntwo\r\n");
	fd_close(&world.hub);
	tap_ok(good && result(1, text) == MSG_DELIVER_TEMPORARY,
	    "what out was asked for: later");
	tap_ok(result(0, text) == MSG_DELIVER_TEMPORARY,
	    "what it could not be asked for: later");
	good = hear_plain(world.channel, MSG_DELIVER_LEFT);
	tap_ok(end() && good, "then it leaves");
}

/* An answer to what an earlier turn has asked says nothing of this one. */
static void
test_late_answer(void)
{
	struct submitted a, late;
	char text[16];
	bool good;

	start("redirect \"x@example.com\";");
	give("Subject: late\r\n\r\nlate\r\n");
	good = submission(&a);
	late = a;
	late.number -= (uint64_t)1 << 32;
	good = good && answer(&late, MSG_OUT_QUEUED) &&
	    answer(&late, MSG_OUT_REFUSED) && answer(&a, MSG_OUT_LATER) &&
	    result(0, text) == MSG_DELIVER_TEMPORARY;
	tap_ok(end() && good, "what is late is not counted");
}

/* Octet by octet the same is another message, once the first is stored. */
static void
test_same_octets(void)
{
	static const char text[] = "Subject: alarm\r\n\r\nalarm\r\n";
	uint8_t last[MSG_OUT_KEY_SIZE];
	struct submitted a, b, c;
	char status[16];
	bool good;

	start("redirect \"x@example.com\";");
	give("Subject: first\r\n\r\nfirst\r\n");
	good = submission(&a);
	give(text); /* all are in the turn after that */
	give(text);
	give("Subject: other\r\n\r\nother\r\n");
	give_file(text);
	good = good && answer(&a, MSG_OUT_QUEUED) && finished(1) &&
	    result(4, status) == MSG_DELIVER_OK;
	good = good && submission(&a) && answer(&a, MSG_OUT_QUEUED) &&
	    finish(1, MSG_OUT_QUEUED, last) &&
	    memcmp(last, a.key, sizeof(last)) == 0;
	tap_ok(good && result(3, status) == MSG_DELIVER_OK,
	    "out is told that it is done, then it is answered");
	good = submission(&b) && same_keys(&a, &b) && submission(&c) &&
	    !same_keys(&a, &c) && answer(&b, MSG_OUT_QUEUED) &&
	    answer(&c, MSG_OUT_QUEUED) && finish(2, MSG_OUT_LATER, last) &&
	    result(2, status) == MSG_DELIVER_TEMPORARY &&
	    result(1, status) == MSG_DELIVER_TEMPORARY && submission(&b) &&
	    same_keys(&a, &b) && answer(&b, MSG_OUT_QUEUED) && finished(1) &&
	    result(0, status) == MSG_DELIVER_OK;
	tap_ok(good, "the same comes in turns of its own, by the same key");
	give(text);
	good = submission(&c) && answer(&c, MSG_OUT_QUEUED) &&
	    finish(1, MSG_OUT_LATER, last);
	tap_ok(good && result(0, status) == MSG_DELIVER_TEMPORARY,
	    "out cannot forget it: to be brought again");
	give(text);
	good = submission(&b) && same_keys(&b, &c) &&
	    answer(&b, MSG_OUT_QUEUED) && finished(1);
	tap_ok(good && result(0, status) == MSG_DELIVER_OK, "the same key");
	tap_ok(end(), "and it ends");
}

#define DUPLICATE                                                              \
	"require \"duplicate\"; if duplicate :last {discard; stop;} "          \
	"if header \"subject\" \"plain\" {keep; stop;} redirect "              \
	"\"x@example.com\";"
#define TWIN "Message-ID: <1@x>\r\nSubject: twin\r\n\r\ntwin\r\n"

/* Twins in one turn: while the first fails, the second is no duplicate (RFC 7352
 * section 3), and what is behind it keeps its place. */
static void
test_duplicates(void)
{
	struct submitted a, b;
	char text[16];
	bool good;

	start(DUPLICATE);
	give("Message-ID: <0@x>\r\nSubject: first\r\n\r\nfirst\r\n");
	good = submission(&a);
	give(TWIN); /* all are in the turn after that */
	give(TWIN);
	give("Message-ID: <2@x>\r\nSubject: plain\r\n\r\nplain\r\n");
	give(TWIN);
	good = good && answer(&a, MSG_OUT_QUEUED) && finished(1) &&
	    result(4, text) == MSG_DELIVER_OK;
	good = good && submission(&a) && answer(&a, MSG_OUT_LATER) &&
	    result(3, text) == MSG_DELIVER_TEMPORARY;
	tap_ok(good, "the first of them is not taken");
	good = submission(&b) && answer(&b, MSG_OUT_LATER) &&
	    result(2, text) == MSG_DELIVER_TEMPORARY &&
	    result(1, text) == MSG_DELIVER_OK;
	tap_ok(good, "the second is no duplicate of it");
	good = submission(&b) && same_keys(&a, &b) &&
	    answer(&b, MSG_OUT_QUEUED) && finished(1) &&
	    result(0, text) == MSG_DELIVER_OK;
	tap_ok(good, "nor is the third, which is taken");
	give(TWIN);
	tap_ok(result(0, text) == MSG_DELIVER_OK, "but the fourth is");
	tap_ok(end(), "and it ends");
}

/* Nor is it a duplicate of itself when out cannot forget it. */
static void
test_own_duplicate(void)
{
	static const char text[] = "Message-ID: <3@x>\r\n\r\nthree\r\n";
	uint8_t last[MSG_OUT_KEY_SIZE];
	struct submitted a, b;
	char status[16];
	bool good;

	start(DUPLICATE);
	give(text);
	good = submission(&a) && answer(&a, MSG_OUT_QUEUED) &&
	    finish(1, MSG_OUT_LATER, last) &&
	    result(0, status) == MSG_DELIVER_TEMPORARY;
	give(text);
	good = good && submission(&b) && same_keys(&a, &b) &&
	    answer(&b, MSG_OUT_QUEUED) && finished(1) &&
	    result(0, status) == MSG_DELIVER_OK;
	tap_ok(end() && good, "what is brought again is no duplicate");
}

/* What the rules say of a message they refuse leaves, and is done with when it
 * is refused. */
static void
test_refused(void)
{
	static const char text[] = "Subject: no\r\n\r\nno\r\n";
	uint8_t last[MSG_OUT_KEY_SIZE];
	struct submitted a, b;
	char status[16];
	bool good;

	start("require [\"enotify\", \"ereject\"]; "
	      "notify \"mailto:p@example.com\"; ereject \"No.\";");
	give(text);
	good = submission(&a) && answer(&a, MSG_OUT_QUEUED) &&
	    finish(1, MSG_OUT_QUEUED, last) &&
	    memcmp(last, a.key, sizeof(last)) == 0 &&
	    result(0, status) == MSG_DELIVER_PERMANENT;
	tap_ok(good, "refused: what has left is done with");
	give(text);
	good = submission(&b) && same_keys(&a, &b) &&
	    answer(&b, MSG_OUT_QUEUED) && finish(1, MSG_OUT_LATER, last) &&
	    result(0, status) == MSG_DELIVER_TEMPORARY;
	tap_ok(end() && good, "out cannot forget it: to be brought again");
}

/* Quoted strings (RFC 5321 section 4.1.2), and senders of this host's own. */
static void
test_senders(void)
{
	static const struct {
		const char *sender, *want;
	} t[] = {
		{ "\"a b\"@b.c", "\"a b\"@b.c" },
		{ "\"a<\\\"b@\"@c", "\"a<\\\"b@\"@c" },
		{ "root", "root@mail.example.org" },
		{ "\"my root\"", "\"my root\"@mail.example.org" },
		{ "", "" },
	};
	struct submitted a;
	char text[16];
	bool good;

	start("redirect \"x@example.com\";");
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		give_from(t[i].sender, "Subject: x\r\n\r\nx\r\n");
		good = submission(&a) && answer(&a, MSG_OUT_QUEUED) &&
		    finished(1) && result(0, text) == MSG_DELIVER_OK;
		tap_ok(good && strcmp(a.sender, t[i].want) == 0,
		    "from <%s>: %s", t[i].sender, a.sender);
	}
	tap_ok(end(), "and it ends");
}

/* ---- what the sender wants to be told ---- */

static void
give_asking(const char *text, const char *sender, uint8_t notify)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_MAX);
	struct msg_deliver m = { .delivery = ++world.next,
		.sender = view_str(sender),
		.recipient = VIEW_LIT("bob@example.org"),
		.lmtp = true,
		.dsn = { .notify = notify,
		    .ret = MSG_DELIVER_RET_FULL,
		    .envid = VIEW_LIT("E+2B1"),
		    .orcpt = VIEW_LIT("rfc822;bob+2Bx@example.org") },
		.octets = view_str(text) };

	msg_deliver_put(&b, &m);
	if (fd_send(world.channel, buf_view(&b), -1) != 0)
		abort();
}

struct asked {
	struct submitted s;
	uint8_t kind, notify;
	size_t sender_n;
	char to[64], text[4096];
};

static bool
asking(struct asked *a)
{
	AUTO_CLOSE int fd = -1;
	struct msg_out_submit m;
	struct view rest, to;
	struct wire w;
	ssize_t n;

	if (!hear(world.hub, MSG_OUT_SUBMIT, &w, &fd) ||
	    !msg_out_submit_get(&w, MSG_OUT_SUBMIT, &m) || fd == -1)
		return false;
	rest = m.packed;
	if (!msg_out_next(&rest, &to))
		return false;
	a->s.number = m.number;
	memcpy(a->s.key, m.key, sizeof(m.key));
	a->kind = m.kind;
	a->notify = m.dsn.notify;
	a->sender_n = m.sender.n;
	snprintf(a->to, sizeof(a->to), "%.*s", (int)to.n, (const char *)to.p);
	n = pread(fd, a->text, sizeof(a->text) - 1, 0);
	a->text[n > 0 ? n : 0] = '\0';
	return true;
}

static bool
is_notice(const struct asked *a, const char *action)
{
	return a->kind == MSG_OUT_NOTICE && a->sender_n == 0 &&
	    strcmp(a->to, "alice@example.net") == 0 && a->notify == 0 &&
	    strstr(a->text, action) != NULL &&
	    strstr(a->text, "\r\nOriginal-Envelope-Id: E+1\r\n") != NULL &&
	    strstr(a->text, "Original-Recipient: rfc822; bob+x@example.org") !=
	    NULL &&
	    strstr(a->text, "body of it") == NULL;
}

/* What comes next from the process to the hub is that it has committed. */
static bool
committed(void)
{
	static uint8_t p[MSG_MAX];
	uint32_t got;
	struct wire w;
	ssize_t n;

	do {
		AUTO_CLOSE int fd = -1;

		n = fd_recv(world.hub, p, sizeof(p), &fd);
		w = wire_read((struct view){ p, n > 0 ? (size_t)n : 0 });
		got = wire_u32(&w);
	} while (n > 0 && got == MSG_SESSION_WATCH);
	return n > 0 && got == MSG_SESSION_COMMITTED;
}

static void
test_notice(void)
{
	static const char text[] = "Subject: told\r\n\r\nbody of it\r\n";
	uint8_t last[MSG_OUT_KEY_SIZE];
	struct asked a, b;
	char status[16];
	bool good;

	start("keep;");
	give_asking(text, "alice@example.net", MSG_DELIVER_SUCCESS);
	good = committed() && asking(&a);
	tap_ok(good && is_notice(&a, "\r\nAction: delivered\r\n"),
	    "a notice, behind the commit");
	tap_ok(is_silent(world.channel), "no answer before it is taken");
	good = answer(&a.s, MSG_OUT_QUEUED) &&
	    finish(1, MSG_OUT_QUEUED, last) &&
	    memcmp(last, a.s.key, sizeof(last)) == 0 &&
	    result(0, status) == MSG_DELIVER_OK;
	tap_ok(good, "it is done, then there is one");
	give_asking(text, "alice@example.net", MSG_DELIVER_SUCCESS);
	good = committed() && asking(&b) && same_keys(&a.s, &b.s) &&
	    answer(&b.s, MSG_OUT_LATER) && asking(&b) &&
	    same_keys(&a.s, &b.s) && answer(&b.s, MSG_OUT_QUEUED) &&
	    finish(1, MSG_OUT_LATER, last) &&
	    result(0, status) == MSG_DELIVER_OK;
	tap_ok(good, "the same key, however often");
	give_asking(text, "alice@example.net", MSG_DELIVER_SUCCESS);
	good = committed() && asking(&b);
	for (unsigned i = 0; i < 2; i++) /* both are in one turn */
		give_asking(text, "alice@example.net", MSG_DELIVER_SUCCESS);
	good = good && answer(&b.s, MSG_OUT_QUEUED) && finished(1) &&
	    result(2, status) == MSG_DELIVER_OK;
	for (unsigned i = 2; i-- > 0;)
		good = good && committed() && asking(&b) &&
		    same_keys(&a.s, &b.s) && answer(&b.s, MSG_OUT_QUEUED) &&
		    finished(1) && result(i, status) == MSG_DELIVER_OK;
	tap_ok(good, "of two that come together, too");
	give_asking(text, "alice@example.net", MSG_DELIVER_SUCCESS);
	good = committed() && asking(&b) && answer(&b.s, MSG_OUT_REFUSED) &&
	    finished(1) && result(0, status) == MSG_DELIVER_OK;
	tap_ok(good, "it cannot be sent: stored all the same");
	give_asking(text, "", MSG_DELIVER_SUCCESS);
	good = committed() && result(0, status) == MSG_DELIVER_OK;
	give_asking(text, "alice@example.net", MSG_DELIVER_FAILURE);
	good = good && committed() && result(0, status) == MSG_DELIVER_OK;
	tap_ok(good && is_silent(world.hub), "nobody else is told");
	*full = true;
	give_asking(text, "alice@example.net", MSG_DELIVER_SUCCESS);
	good = result(0, status) == MSG_DELIVER_TEMPORARY;
	*full = false;
	tap_ok(good && is_silent(world.hub), "nor of what is not stored");
	tap_ok(end(), "the end");
}

static void
test_notice_of_redirects(void)
{
	static const char text[] = "Subject: on\r\n\r\nbody of it\r\n";
	struct asked a, b, c;
	char status[16];
	bool good;

	start("redirect \"x@example.com\";");
	give_asking(
	    text, "alice@example.net", MSG_DELIVER_SUCCESS | MSG_DELIVER_DELAY);
	good = asking(&a) && a.kind == MSG_OUT_REDIRECT &&
	    a.notify == (MSG_DELIVER_SUCCESS | MSG_DELIVER_DELAY) &&
	    answer(&a.s, MSG_OUT_QUEUED) && finished(1) &&
	    result(0, status) == MSG_DELIVER_OK;
	tap_ok(good, "one redirect takes all along");
	give_asking(text, "alice@example.net", MSG_DELIVER_SUCCESS);
	/* and nothing was asked between: no notice */
	good = asking(&a) && a.kind == MSG_OUT_REDIRECT &&
	    answer(&a.s, MSG_OUT_REFUSED) && committed() && asking(&b) &&
	    is_notice(&b, "Action: delivered") &&
	    answer(&b.s, MSG_OUT_QUEUED) && finished(1) &&
	    result(0, status) == MSG_DELIVER_OK;
	tap_ok(end() && good, "one that cannot be sent is delivered");
	start("redirect \"x@example.com\"; redirect \"y@example.com\";");
	give_asking(text, "alice@example.net",
	    MSG_DELIVER_SUCCESS | MSG_DELIVER_FAILURE);
	good = asking(&a) && asking(&b) && a.notify == MSG_DELIVER_FAILURE &&
	    b.notify == MSG_DELIVER_FAILURE && answer(&a.s, MSG_OUT_QUEUED) &&
	    answer(&b.s, MSG_OUT_QUEUED) && finished(2) && asking(&c) &&
	    is_notice(&c, "Action: expanded") && answer(&c.s, MSG_OUT_QUEUED) &&
	    finished(1) && result(0, status) == MSG_DELIVER_OK;
	tap_ok(end() && good, "to several: expanded");
	start("require \"copy\"; redirect :copy \"x@example.com\";");
	give_asking(text, "alice@example.net", MSG_DELIVER_SUCCESS);
	good = asking(&a) && a.notify == MSG_DELIVER_NEVER &&
	    answer(&a.s, MSG_OUT_QUEUED) && finished(1) && committed() &&
	    asking(&b) && is_notice(&b, "Action: delivered") &&
	    answer(&b.s, MSG_OUT_QUEUED) && finished(1) &&
	    result(0, status) == MSG_DELIVER_OK;
	tap_ok(end() && good, "a copy: delivered");
	start("keep;");
	give_asking(text, "root", MSG_DELIVER_SUCCESS);
	good = committed() && asking(&a) && answer(&a.s, MSG_OUT_QUEUED) &&
	    finished(1) && result(0, status) == MSG_DELIVER_OK;
	tap_ok(end() && good && strcmp(a.to, "root@mail.example.org") == 0,
	    "to a sender of this host: %s", a.to);
}

/* Nobody hears a notice: then it is not stored, so that it can be told later. */
static void
test_notice_without_hub(void)
{
	char status[16] = "it has left";
	bool good;

	start("keep;");
	/* it finds both at once; seeing that the hub is gone first, it leaves
	 * without an answer, which is as much as "later" */
	(void)kill(world.pid, SIGSTOP);
	give_asking("Subject: x\r\n\r\nx\r\n", "alice@example.net",
	    MSG_DELIVER_SUCCESS);
	fd_close(&world.hub);
	(void)kill(world.pid, SIGCONT);
	good = result(0, status) != MSG_DELIVER_OK;
	tap_ok(end() && good, "without a hub it is tried again: %s", status);
}

int
main(void)
{
	char *path;

	signal(SIGPIPE, SIG_IGN);
	dir = scratch_make(&path);
	full = mmap(NULL, sizeof(*full), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (full == MAP_FAILED)
		abort();
	test_leave();
	test_full_after_leaving();
	test_partly();
	test_hub_is_gone();
	test_late_answer();
	test_same_octets();
	test_duplicates();
	test_own_duplicate();
	test_refused();
	test_senders();
	test_notice();
	test_notice_of_redirects();
	test_notice_without_hub();
	scratch_end(&dir, &path);
	return tap_done();
}
