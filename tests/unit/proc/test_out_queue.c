#include "proc/out_queue.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "../store/scratch.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/fd.h"
#include "base/mem.h"
#include "proc/out_dsn.h"
#include "store/io.h"
#include "tap.h"

static int dir;

static int
memfd_of(const char *text)
{
	int fd = memfd_create("message", MFD_CLOEXEC);

	if (fd == -1 || fd_write(fd, view_str(text)) != 0)
		abort();
	return fd;
}

static struct out_queue *
reopen(size_t *bad)
{
	struct out_queue *q = NULL;
	struct why w = { "" };
	int r = out_queue_open(dir, clock_wall_s(), &q, bad, &w);

	if (r != 0) {
		printf("# %s\n", w.text);
		abort();
	}
	return q;
}

static struct out_item *
add(struct out_queue *q, const char *id, uint8_t key, uint32_t n)
{
	static struct view to[MSG_OUT_RECIPIENTS_MAX];
	struct msg_out_submit m = { .account = VIEW_LIT("demo@example.org"),
		.kind = MSG_OUT_REDIRECT,
		.key = { key },
		.sender = VIEW_LIT("a@example.net"),
		.to = to,
		.n = n };
	AUTO_CLOSE int fd = memfd_of("Subject: x\r\n\r\nbody\r\n");
	struct out_item *i = NULL;
	struct why w = { "" };

	for (uint32_t k = 0; k < n; k++)
		to[k] = VIEW_LIT("b@example.com");
	if (out_queue_add(q, id, &m, fd, 1000, clock_wall_s(), &i, &w) != 0)
		return NULL;
	return i;
}

static bool
has_octets(struct out_queue *q, const struct out_item *i, const char *want)
{
	AUTO_CLOSE int fd = out_queue_message(q, i);
	char p[64];

	return fd >= 0 && i->size == strlen(want) &&
	    fd_pread(fd, p, i->size, i->offset) == 0 &&
	    memcmp(p, want, i->size) == 0;
}

static void
test_life(void)
{
	struct why w = { "" };
	size_t bad;
	struct out_queue *q = reopen(&bad);
	struct out_item *i, *j;

	i = add(q, "first1", 1, 3);
	tap_ok(i != NULL && out_queue_count(q) == 1 &&
		has_octets(q, i, "Subject: x\r\n\r\nbody\r\n"),
	    "one is taken");
	tap_ok(add(q, "first1", 1, 3) == i, "the same id is the same");
	i->attempts = 4;
	i->next_s = 12345;
	i->to[1].state = OUT_SENT;
	i->to[2].state = OUT_TOLD;
	i->to[2].code = 550;
	out_recipient_text(&i->to[2], VIEW_LIT("550 no\r\nsuch \xc3\xbc"));
	tap_ok(out_queue_note(q, i, &w) == 0, "its state is kept");
	out_queue_free(&q);

	q = reopen(&bad);
	i = out_queue_find(q, VIEW_LIT("first1"));
	tap_ok(bad == 0 && i != NULL && i->n == 3 && i->attempts == 4 &&
		i->next_s == 12345 && i->to[0].state == OUT_WAITING &&
		i->to[1].state == OUT_SENT && i->to[2].state == OUT_TOLD &&
		i->to[2].code == 550 &&
		view_eq((struct view){ i->to[2].text, i->to[2].text_n },
		    VIEW_LIT("550 no??such ??")) &&
		view_eq(i->sender, VIEW_LIT("a@example.net")) &&
		view_eq(i->account, VIEW_LIT("demo@example.org")),
	    "all of it is read again");
	j = add(q, NULL, 2, 1);
	tap_ok(j != NULL && TAILQ_FIRST(out_queue_items(q)) == j &&
		TAILQ_NEXT(j, link) == i,
	    "sorted by id");
	tap_ok(out_queue_remove(q, &j, &w) == 0 && j == NULL &&
		out_queue_count(q) == 1,
	    "one is removed");
	out_queue_free(&q);
	q = reopen(&bad);
	tap_ok(out_queue_count(q) == 1 &&
		out_queue_seen(
		    q, VIEW_LIT("demo@example.org"), (uint8_t[16]){ 2 }) &&
		out_queue_seen(
		    q, VIEW_LIT("demo@example.org"), (uint8_t[16]){ 1 }) &&
		!out_queue_seen(
		    q, VIEW_LIT("other@example.org"), (uint8_t[16]){ 1 }) &&
		!out_queue_seen(
		    q, VIEW_LIT("demo@example.org"), (uint8_t[16]){ 0 }),
	    "keys are known, each account's own");
	out_queue_free(&q);
	scratch_empty(dir);
}

/* A key that is used again after its time is remembered from then on, by the
 * next process, too. */
static void
test_seen_again(void)
{
	const struct view account = VIEW_LIT("demo@example.org");
	const int64_t now = clock_wall_s();
	struct out_queue *q;
	struct out_item *i;
	struct why w = { "" };
	size_t bad;
	bool before;

	clock_fake_set(now * 1000000, 0);
	q = reopen(&bad);
	if ((i = add(q, NULL, 9, 1)) == NULL ||
	    out_queue_remove(q, &i, &w) != 0)
		abort();
	clock_fake_advance((uint64_t)OUT_SEEN_S * 1000000);
	before = out_queue_seen(q, account, (uint8_t[16]){ 9 });
	if ((i = add(q, NULL, 9, 1)) == NULL ||
	    out_queue_remove(q, &i, &w) != 0)
		abort();
	tap_ok(!before && out_queue_seen(q, account, (uint8_t[16]){ 9 }),
	    "a key is forgotten, and remembered when it comes again");
	out_queue_free(&q);
	q = reopen(&bad);
	tap_ok(out_queue_seen(q, account, (uint8_t[16]){ 9 }),
	    "it was written, too");
	out_queue_free(&q);
	clock_fake_off();
	scratch_empty(dir);
}

static void
test_limits(void)
{
	size_t bad;
	struct out_queue *q = reopen(&bad);
	struct msg_out_submit m = { .kind = MSG_OUT_BOUNCE,
		.to = &(struct view){ (const uint8_t *)"b@c", 3 },
		.n = 1 };
	AUTO_CLOSE int fd = memfd_of("0123456789");
	struct out_item *i;
	struct why w = { "" };

	tap_ok(out_queue_add(q, NULL, &m, fd, 9, 0, &i, &w) == -EFBIG,
	    "one octet too many");
	tap_ok(out_queue_add(q, NULL, &m, fd, 10, 0, &i, &w) == 0 &&
		i->account.n == 0 && i->sender.n == 0,
	    "the largest, from nobody");
	tap_ok(add(q, NULL, 3, MSG_OUT_RECIPIENTS_MAX) != NULL,
	    "the most recipients");
	out_queue_free(&q);
	q = reopen(&bad);
	tap_ok(bad == 0 && out_queue_count(q) == 2, "they are read again");
	out_queue_free(&q);
	scratch_empty(dir);
}

static size_t
file_read(const char *name, uint8_t *p, size_t max)
{
	AUTO_CLOSE int fd = openat(dir, name, O_RDONLY);
	ssize_t n = read(fd, p, max);

	return n > 0 ? (size_t)n : 0;
}

static void
file_write(const char *name, const uint8_t *p, size_t n)
{
	AUTO_CLOSE int fd =
	    openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || fd_write(fd, (struct view){ p, n }) != 0)
		abort();
}

/* A file cut or changed anywhere is set aside or its message is whole. */
static void
test_damage(void)
{
	uint8_t m[512], s[512];
	size_t bad, n, k, good = 0;
	struct out_queue *q = reopen(&bad);
	struct out_item *i = add(q, "x1", 1, 2);
	struct why w = { "" };
	const uint64_t offset = i->offset;

	i->attempts = 3;
	if (out_queue_note(q, i, &w) != 0)
		abort();
	out_queue_free(&q);
	n = file_read("x1.m", m, sizeof(m));
	k = file_read("x1.s", s, sizeof(s));
	for (size_t at = 0; at < n; at++) {
		file_write("x1.m", m, at);
		q = reopen(&bad);
		good += bad == 1 && out_queue_count(q) == 0;
		out_queue_free(&q);
		(void)unlinkat(dir, "x1.bad", 0);
	}
	tap_ok(good == n, "cut at every length: set aside");
	good = 0;
	for (size_t at = 0; at < offset; at++) {
		m[at] ^= 0x40;
		file_write("x1.m", m, n);
		m[at] ^= 0x40;
		q = reopen(&bad);
		good += bad == 1 && out_queue_count(q) == 0;
		out_queue_free(&q);
		(void)unlinkat(dir, "x1.bad", 0);
	}
	tap_ok(good == offset, "a head that was changed: set aside");
	good = 0;
	file_write("x1.m", m, n);
	for (size_t at = 0; at < k; at++) {
		file_write("x1.s", s, at);
		q = reopen(&bad);
		i = out_queue_find(q, VIEW_LIT("x1"));
		good += bad == 0 && i != NULL && i->attempts == 0;
		out_queue_free(&q);
		s[at] ^= 1;
		file_write("x1.s", s, k);
		s[at] ^= 1;
		q = reopen(&bad);
		i = out_queue_find(q, VIEW_LIT("x1"));
		good += bad == 0 && i != NULL && i->attempts == 0;
		out_queue_free(&q);
	}
	tap_ok(
	    good == 2 * k, "a broken state is none: %zu of %zu", good, 2 * k);
	scratch_empty(dir);
}

/* Octets that are not those that were taken are found when they are read. */
static void
test_octets(void)
{
	uint8_t m[512];
	size_t bad, n, good = 0;
	struct out_queue *q = reopen(&bad);
	struct out_item *i = add(q, "y1", 1, 1);
	size_t offset = i->offset, size = i->size;

	n = file_read("y1.m", m, sizeof(m));
	for (size_t at = offset; at < n; at++) {
		AUTO_CLOSE int fd = -1;

		m[at] ^= 0x10;
		file_write("y1.m", m, n);
		m[at] ^= 0x10;
		fd = out_queue_message(q, i);
		good += out_queue_check(i, fd) == -EBADMSG;
	}
	tap_ok(n == offset + size + 4 && good == size + 4,
	    "each octet counts, and the sum");
	out_queue_set_aside(q, &i);
	tap_ok(i == NULL && out_queue_count(q) == 0 &&
		faccessat(dir, "y1.bad", F_OK, 0) == 0 &&
		faccessat(dir, "y1.m", F_OK, 0) != 0,
	    "set aside");
	out_queue_free(&q);
	/* as the oldest fumi wrote it */
	m[7] = '1';
	file_write("y2.m", m, n - 4);
	q = reopen(&bad);
	i = out_queue_find(q, VIEW_LIT("y2"));
	tap_ok(bad == 0 && i != NULL && out_queue_check(i, -1) == 0 &&
		has_octets(q, i, "Subject: x\r\n\r\nbody\r\n"),
	    "one without a sum is good, too");
	out_queue_free(&q);
	scratch_empty(dir);
}

/* ---- calls that fail ---- */

static enum io_op fail_op;
static int fail_with; /* 0: nothing fails */

static int
fail(void *ctx, const struct io_event *e, uint64_t *size)
{
	(void)ctx;
	(void)size;
	return e->op == fail_op && fail_with != 0 ? fail_with : IO_GO;
}

/* The disk is full while an entry is settled: what is known here goes on, and
 * after a crash it is as it was. */
static void
test_full(void)
{
	static const struct io_hooks hooks = { .before = fail };
	size_t bad;
	struct out_queue *q = reopen(&bad);
	struct out_item *i = add(q, "z1", 1, 2);
	struct why w = { "" };

	io_hooks = &hooks;
	fail_op = IO_WRITE;
	fail_with = -ENOSPC;
	i->to[0].state = OUT_SENT;
	i->attempts = 1;
	tap_ok(out_queue_note(q, i, &w) == -ENOSPC &&
		out_queue_find(q, VIEW_LIT("z1")) == i,
	    "no room for a state: told");
	tap_ok(add(q, "z2", 2, 1) == NULL && out_queue_count(q) == 1 &&
		faccessat(dir, "z2.new", F_OK, 0) != 0 &&
		!out_queue_seen(
		    q, VIEW_LIT("demo@example.org"), (uint8_t[16]){ 2 }),
	    "no room for a message: nothing of it is left or known");
	fail_op = IO_UNLINK;
	fail_with = -EIO;
	tap_ok(out_queue_remove(q, &i, &w) == -EIO && i != NULL &&
		out_queue_count(q) == 1,
	    "one that cannot be removed is still there");
	fail_op = IO_SYNC;
	tap_ok(out_queue_remove(q, &i, &w) == -EIO && i != NULL,
	    "so is one that may come back");
	fail_with = 0;
	tap_ok(out_queue_remove(q, &i, &w) == 0 && i == NULL,
	    "it is removed later");
	io_hooks = NULL;
	out_queue_free(&q);
	q = reopen(&bad);
	tap_ok(out_queue_count(q) == 0, "for good");
	out_queue_free(&q);
	scratch_empty(dir);
}

/* ---- when ---- */

#define MANY 3000

static void
test_order(void)
{
	size_t bad, good = 0, n = 0;
	struct out_queue *q = reopen(&bad);
	struct out_item *i, *held = NULL;
	int64_t last = 0;
	struct why w = { "" };
	char id[MSG_OUT_ID_MAX + 1];

	/* their names in an order, their times in another */
	for (unsigned k = 0; k < MANY; k++) {
		snprintf(id, sizeof(id), "%05u", k * 7919 % MANY);
		if ((i = add(q, id, 0, 1)) == NULL)
			abort();
		out_queue_schedule(q, i, 1 + k * 104729 % MANY);
	}
	while ((i = out_queue_first(q)) != NULL) {
		good += i->next_s >= last;
		last = i->next_s;
		n++;
		if (n == MANY / 2)
			held = i;
		out_queue_hold(q, i);
	}
	tap_ok(n == MANY && good == MANY && out_queue_count(q) == MANY,
	    "in the order of their times");
	out_queue_schedule(q, held, 5);
	tap_ok(out_queue_first(q) == held && !held->busy, "due again");
	if (out_queue_remove(q, &held, &w) != 0)
		abort();
	tap_ok(out_queue_first(q) == NULL && out_queue_count(q) == MANY - 1,
	    "removed");
	out_queue_free(&q);
	q = reopen(&bad);
	good = 0;
	id[0] = '\0';
	TAILQ_FOREACH (i, out_queue_items(q), link) {
		good += strcmp(id, i->id) < 0;
		snprintf(id, sizeof(id), "%s", i->id);
	}
	tap_ok(good == MANY - 1, "read in the order of their names");
	out_queue_free(&q);
	scratch_empty(dir);
}

/* ---- what was taken ---- */

static unsigned
count_taken(const struct out_queue *q)
{
	struct out_seen_taken t;
	const void *at = NULL;
	unsigned n = 0;

	while (out_seen_next(out_queue_taken(q), &at, &t))
		n += t.kind == MSG_OUT_REDIRECT;
	return n;
}

static bool
done(struct out_queue *q, uint8_t first, size_t n)
{
	uint8_t keys[MSG_OUT_KEYS_MAX][MSG_OUT_KEY_SIZE] = { { 0 } };
	struct why w = { "" };

	for (size_t k = 0; k < n; k++)
		keys[k][0] = (uint8_t)(first + k);
	return out_queue_done(q, VIEW_LIT("demo@example.org"),
		   (struct view){ keys[0], n * MSG_OUT_KEY_SIZE }, &w) == 0;
}

/* What is done is known no more, and counts all the same; in what waits, too. */
static void
test_done(void)
{
	const struct view account = VIEW_LIT("demo@example.org");
	uint8_t one[16] = { 1 }, two[16] = { 2 }, three[16] = { 3 };
	struct out_queue *q;
	struct out_item *i;
	struct why w = { "" };
	size_t bad;

	q = reopen(&bad);
	for (uint8_t k = 1; k <= 3; k++)
		if ((i = add(q, NULL, k, 1)) == NULL)
			abort();
	if (out_queue_remove(q, &i, &w) != 0) /* the third is sent */
		abort();
	tap_ok(done(q, 2, MSG_OUT_KEYS_MAX) &&
		!out_queue_seen(q, account, two) &&
		!out_queue_seen(q, account, three) &&
		out_queue_seen(q, account, one),
	    "what is done is forgotten, known or not");
	out_queue_free(&q);
	q = reopen(&bad);
	tap_ok(!out_queue_seen(q, account, two) &&
		!out_queue_seen(q, account, three) &&
		out_queue_seen(q, account, one) && count_taken(q) == 3,
	    "by the next process, too");
	if (add(q, NULL, 2, 1) == NULL)
		abort();
	tap_ok(out_queue_seen(q, account, two) && count_taken(q) == 4,
	    "another of that key is taken, and counts");
	out_queue_free(&q);
	q = reopen(&bad);
	tap_ok(out_queue_seen(q, account, two) && count_taken(q) == 4 &&
		done(q, 2, 1) && !out_queue_seen(q, account, two),
	    "and is done in its turn");
	for (unsigned k = 0; k < 1200; k++) /* until it is written anew */
		(void)out_queue_seen(q, account, one);
	out_queue_free(&q);
	q = reopen(&bad);
	tap_ok(!out_queue_seen(q, account, two) &&
		out_queue_seen(q, account, one) && count_taken(q) == 4,
	    "all that is left of it in a new file");
	out_queue_free(&q);
	scratch_empty(dir);
}

static void
test_taken(void)
{
	const struct view account = VIEW_LIT("demo@example.org");
	const int64_t now = clock_wall_s(), half = OUT_SEEN_S / 2;
	size_t bad, n;
	struct out_queue *q;
	struct out_item *i;
	struct why w = { "" };
	uint8_t p[512];
	bool good = true;

	clock_fake_set(now * 1000000, 0);
	q = reopen(&bad);
	for (uint8_t k = 0; k < 3; k++) /* the first has no key */
		if ((i = add(q, NULL, k, 1)) == NULL ||
		    out_queue_remove(q, &i, &w) != 0)
			abort();
	for (unsigned k = 0; k < 4; k++) { /* the bringer goes on for days */
		clock_fake_advance((uint64_t)half * 1000000);
		good = good && out_queue_seen(q, account, (uint8_t[16]){ 1 });
		out_queue_free(&q);
		q = reopen(&bad);
	}
	tap_ok(good && !out_queue_seen(q, account, (uint8_t[16]){ 2 }),
	    "what is brought again is known for as long again");
	if ((i = add(q, NULL, 4, 1)) == NULL)
		abort();
	for (unsigned k = 0; k < 3; k++) {
		clock_fake_advance((uint64_t)half * 1000000);
		good = good && out_queue_seen(q, account, (uint8_t[16]){ 4 });
	}
	good = good && done(q, 4, 1);
	out_queue_free(&q);
	q = reopen(&bad);
	tap_ok(good && !out_queue_seen(q, account, (uint8_t[16]){ 4 }),
	    "and is done for good, however long ago it was taken");
	out_queue_free(&q);
	clock_fake_set(now * 1000000, 0);
	scratch_empty(dir);

	q = reopen(&bad);
	for (uint8_t k = 0; k < 3; k++)
		if (add(q, NULL, k, 1) == NULL)
			abort();
	(void)out_queue_seen(q, account, (uint8_t[16]){ 1 });
	out_queue_free(&q);
	q = reopen(&bad);
	tap_ok(count_taken(q) == 3, "each is counted once, after a start too");
	out_queue_free(&q);
	n = file_read("seen", p, sizeof(p));
	good = true;
	for (size_t at = 0; at < n; at++) { /* cut at every length */
		struct out_seen *s;

		file_write("seen", p, at);
		s = out_seen_open(dir, now);
		out_seen_add(
		    s, account, (uint8_t[16]){ 9 }, MSG_OUT_REDIRECT, now, now);
		out_seen_free(&s);
		s = out_seen_open(dir, now);
		good =
		    good && out_seen_has(s, account, (uint8_t[16]){ 9 }, now);
		out_seen_free(&s);
	}
	tap_ok(n > 100 && good, "a file that was cut is gone on with");
	clock_fake_off();
	scratch_empty(dir);
}

static bool
has(const struct buf *b, const char *text)
{
	return memmem(b->p, b->n, text, strlen(text)) != NULL;
}

/* What the parts and the whole are called for each kind of original. */
static void
test_types(const struct out_dsn *like)
{
#define EIGHT "Content-Transfer-Encoding: 8bit\r\n"
	static const struct {
		const char *original, *type;
		bool full, eight;
	} t[] = {
		{ "Subject: x\r\n\r\nb", "text/rfc822-headers\r\n\r\n", false,
		    false },
		{ "Subject: x\r\n\r\n\xc3\xbc", "text/rfc822-headers\r\n\r\n",
		    false, false },
		{ "Subject: \xc3\xbc\r\n\r\nb",
		    "message/global-headers\r\n" EIGHT, false, true },
		{ "Subject: \xfc\r\n\r\nb",
		    "text/rfc822-headers; charset=unknown-8bit\r\n" EIGHT,
		    false, true },
		{ "Subject: x\r\n\r\nb", "message/rfc822\r\n\r\n", true,
		    false },
		{ "Subject: x\r\n\r\n\xc3\xbc", "message/rfc822\r\n" EIGHT,
		    true, true },
		{ "Subject: \xc3\xbc\r\n\r\nb", "message/global\r\n" EIGHT,
		    true, true },
	};
	AUTO_BUF struct buf out = BUF_INIT(OUT_DSN_MAX);
	struct out_item i = *like->item;
	struct out_dsn d = *like;
	char type[100];

	d.item = &i;
	for (size_t k = 0; k < sizeof(t) / sizeof(t[0]); k++) {
		i.dsn.ret = t[k].full ? MSG_DELIVER_RET_FULL : 0;
		d.original = view_str(t[k].original);
		snprintf(type, sizeof(type), "\r\nContent-Type: %s", t[k].type);
		buf_clear(&out);
		out_dsn(&d, &out);
		tap_ok(has(&out, type) &&
			has(&out, "\"\r\n" EIGHT "\r\nThis is a report") ==
			    t[k].eight,
		    "what comes back, case %zu", k);
	}
#undef EIGHT
}

static void
test_report(void)
{
	size_t bad;
	struct out_queue *q = reopen(&bad);
	struct out_item *i = add(q, "r1", 1, MSG_OUT_RECIPIENTS_MAX);
	AUTO_BUF struct buf out = BUF_INIT(OUT_DSN_MAX),
			    header = BUF_INIT(1 << 20);
	struct out_dsn d = { .item = i,
		.host = VIEW_LIT("mail.example.org"),
		.now = 1767225600 };

	tap_ok(!out_dsn_wanted(i), "nobody is told while nothing failed");
	i->to[0].state = OUT_FAILED;
	i->to[0].code = 550;
	out_recipient_text(&i->to[0], VIEW_LIT("550 5.1.1 who?"));
	i->to[1].state = OUT_FAILED;
	i->to[2].state = OUT_TOLD;
	tap_ok(out_dsn_wanted(i), "now somebody is");
	d.original = VIEW_LIT("Subject: gr\xc3\xbc\xc3\x9f\r\nTo: x\r\n\r\n");
	out_dsn(&d, &out);
	tap_ok(has(&out, "To: <a@example.net>\r\n") &&
		has(&out, "Status: 5.1.1\r\nDiagnostic-Code: smtp; 550") &&
		has(&out, "Status: 4.4.7\r\nLast-Attempt-Date: ") &&
		has(&out, "charset=us-ascii\r\n\r\nThis is") &&
		has(&out, "Subject: gr\xc3\xbc"),
	    "it says what failed and why");
	test_types(&d);
	buf_clear(&out);
	while (header.n < DSN_HEADER_MAX + 100)
		buf_put_str(&header, "X-Long: 0123456789\r\n");
	d.original = buf_view(&header);
	for (uint32_t k = 0; k < i->n; k++) {
		static char longest[MSG_OUT_ADDRESS_MAX];

		memset(longest, 'l', sizeof(longest));
		longest[1] = '@';
		i->to[k].state = OUT_FAILED;
		i->to[k].address =
		    (struct view){ (uint8_t *)longest, sizeof(longest) };
		memset(i->to[k].text, 't', OUT_QUEUE_TEXT_MAX);
		i->to[k].text_n = OUT_QUEUE_TEXT_MAX;
		i->to[k].code = 550;
	}
	out_dsn(&d, &out);
	tap_ok(!out.failed && has(&out, "0123456789\r\n\r\n--=_fumi_r1--"),
	    "the longest fits, and ends with a whole line");
	i->sender.n = 0;
	tap_ok(!out_dsn_wanted(i), "the null sender is never told");
	out_queue_free(&q);
	scratch_empty(dir);
}

static struct out_item *
add_dsn(struct out_queue *q, const char *id, uint8_t ret, uint8_t notify)
{
	struct msg_out_submit m = { .account = VIEW_LIT("demo@example.org"),
		.kind = MSG_OUT_REDIRECT,
		.sender = VIEW_LIT("a@example.net"),
		.dsn = { ret, notify, VIEW_LIT("QQ+2B314159"),
		    VIEW_LIT("rfc822;Bob+3Dx@example.org") },
		.utf8 = true,
		.to = &(struct view){ (const uint8_t *)"b@example.com", 13 },
		.n = 1 };
	AUTO_CLOSE int fd = memfd_of("Subject: x\r\n\r\nbody\r\n");
	struct out_item *i = NULL;
	struct why w = { "" };

	if (out_queue_add(q, id, &m, fd, 1000, clock_wall_s(), &i, &w) != 0)
		abort();
	return i;
}

/* What the sender wants to be told is kept, and done. */
static void
test_wishes(void)
{
	size_t bad;
	struct out_queue *q = reopen(&bad);
	struct out_item *i =
	    add_dsn(q, "w1", MSG_DELIVER_RET_FULL, MSG_DELIVER_SUCCESS);
	AUTO_BUF struct buf out = BUF_INIT(OUT_DSN_MAX);
	struct out_dsn d = { .host = VIEW_LIT("mail.example.org"),
		.remote = VIEW_LIT("192.0.2.1"),
		.original = VIEW_LIT("Subject: x\r\n\r\nbody\r\n") };
	struct why w = { "" };

	i->to[0].state = OUT_RELAYED;
	if (out_queue_note(q, i, &w) != 0)
		abort();
	out_queue_free(&q);
	q = reopen(&bad);
	d.item = i = out_queue_find(q, VIEW_LIT("w1"));
	tap_ok(bad == 0 && i != NULL && i->dsn.ret == MSG_DELIVER_RET_FULL &&
		i->dsn.notify == MSG_DELIVER_SUCCESS &&
		view_eq(i->dsn.envid, VIEW_LIT("QQ+2B314159")) &&
		view_eq(i->dsn.orcpt, VIEW_LIT("rfc822;Bob+3Dx@example.org")) &&
		i->utf8 && i->to[0].state == OUT_RELAYED,
	    "wishes are kept, and how it came");
	out_dsn(&d, &out);
	tap_ok(out_dsn_wanted(i) &&
		has(&out, "Original-Envelope-Id: QQ+314159\r\n") &&
		has(&out,
		    "Original-Recipient: rfc822; Bob=x@example.org\r\n") &&
		has(&out, "Action: relayed\r\nStatus: 2.0.0\r\n") &&
		has(&out, "Remote-MTA: dns; [192.0.2.1]\r\n") &&
		!has(&out, "body"),
	    "passed on: told, with the header alone");
	i->to[0].state = OUT_FAILED;
	tap_ok(!out_dsn_wanted(i), "failure: not asked for, not told");
	i->dsn.notify = MSG_DELIVER_NEVER;
	tap_ok(!out_dsn_wanted(i), "NEVER");
	i->dsn.notify = MSG_DELIVER_FAILURE;
	buf_clear(&out);
	out_dsn(&d, &out);
	tap_ok(out_dsn_wanted(i) && out_dsn_quotes(i) == i->size &&
		has(&out, "Content-Type: message/rfc822\r\n\r\nSubject: x") &&
		has(&out, "body\r\n\r\n--=_fumi_w1--\r\n"),
	    "failure with RET=FULL: all of it comes back");
	i->dsn.ret = MSG_DELIVER_RET_HDRS;
	buf_clear(&out);
	out_dsn(&d, &out);
	tap_ok(!has(&out, "body"), "RET=HDRS: the header");
	out_queue_free(&q);
	scratch_empty(dir);
}

/* Heads of before end sooner, by so many bytes. */
static void
check_old_head(size_t less, const char *name)
{
	uint8_t m[512];
	size_t bad, n;
	struct out_queue *q = reopen(&bad);
	struct out_item *i = add(q, "old1", 1, 2);
	size_t head = (size_t)i->offset - 16, rest;
	AUTO_BUF struct buf file = BUF_INIT(512);

	out_queue_free(&q);
	n = file_read("old1.m", m, sizeof(m));
	rest = n - 16 - head;
	head -= less;
	buf_put(&file, (struct view){ m, 8 });
	wire_put_bytes(&file, (struct view){ m + 12, head });
	wire_put_u32(&file, crc32c(0, (struct view){ m + 12, head }));
	buf_put(&file, (struct view){ m + n - rest, rest });
	file_write("old1.m", file.p, file.n);
	q = reopen(&bad);
	i = out_queue_find(q, VIEW_LIT("old1"));
	tap_ok(bad == 0 && i != NULL && i->n == 2 && i->dsn.notify == 0 &&
		!i->utf8 && has_octets(q, i, "Subject: x\r\n\r\nbody\r\n"),
	    "an older head is read: %s", name);
	out_queue_free(&q);
	scratch_empty(dir);
}

static void
test_old_head(void)
{
	check_old_head(1, "not how it came");
	check_old_head(1 + 1 + 1 + 4 + 4, "nor what the sender wants");
}

/* The largest original that comes back whole, and one octet more. */
static void
test_full_limit(void)
{
	size_t bad;
	struct out_queue *q = reopen(&bad);
	struct out_item *i =
	    add_dsn(q, "f1", MSG_DELIVER_RET_FULL, MSG_DELIVER_FAILURE);
	AUTO_BUF struct buf out = BUF_INIT(OUT_DSN_MAX);
	AUTO_FREE uint8_t *p = xmalloc(DSN_FULL_MAX + 1);
	struct out_dsn d = { .item = i, .host = VIEW_LIT("mail.example.org") };

	memset(p, 'y', DSN_FULL_MAX + 1);
	memcpy(p, "Subject: x\r\n\r\n", 14);
	i->to[0].state = OUT_FAILED;
	d.original = (struct view){ p, DSN_FULL_MAX };
	out_dsn(&d, &out);
	tap_ok(!out.failed && out.n > DSN_FULL_MAX, "the largest comes back");
	buf_clear(&out);
	d.original.n++;
	out_dsn(&d, &out);
	tap_ok(!out.failed && out.n < 4096, "of a larger one the header");
	out_queue_free(&q);
	scratch_empty(dir);
}

int
main(void)
{
	char *path;

	dir = scratch_make(&path);
	test_life();
	test_seen_again();
	test_limits();
	test_damage();
	test_octets();
	test_full();
	test_order();
	test_taken();
	test_done();
	test_report();
	test_wishes();
	test_old_head();
	test_full_limit();
	scratch_end(&dir, &path);
	return tap_done();
}
