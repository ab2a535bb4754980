#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "crash.h"
#include "store/engine.h"
#include "store/log.h"
#include "store/record.h"
#include "store/spool.h"

/*
 * The log alone: commits of all sizes over rolling segments, bodies in files of
 * their own, and the dropping of segments. Each commit holds one record with
 * its number and octets that follow from that.
 */

enum {
	TRIED,    /* value: commit */
	ACKED,    /* it is there from now on */
	FAILED,   /* it will never be there */
	EXPOSED,  /* somebody was told that it is there */
	UNLINKED, /* value: segment */
};

#define BOUND 20000
#define COMMITS_MAX 512

static struct why w;

static size_t
size_of(uint32_t number)
{
	static const uint16_t sizes[] = { 8, 3000, 700, 9000, 100, 5000 };

	return sizes[number % 6];
}

static uint8_t
octet_of(uint32_t number, size_t i)
{
	return (uint8_t)(number * 7 + i * 13 + (i >> 8));
}

/* Payload: u32 number, u64 body (0: none), octets. */
static void
record_of(struct buf *b, uint32_t number, uint64_t body)
{
	size_t at = record_open(b, RECORD_BODY);

	wire_put_u32(b, number);
	wire_put_u64(b, body);
	for (size_t i = 0; i < size_of(number); i++)
		buf_put_byte(b, octet_of(number, i));
	record_close(b, at);
}

static void
id_of(uint32_t number, uint8_t id[16])
{
	memset(id, 0, 16);
	memcpy(id, &number, sizeof(number));
}

static int
append(struct store_log *l, struct log_tail *tail, const struct buf *b,
    size_t count, uint32_t number, unsigned flags)
{
	struct log_position first;
	struct view v = buf_view(b);
	uint8_t id[16];

	id_of(number, id);
	return log_append(l, tail, &v, 1, (uint32_t)count, tail->modseq + 1, id,
	    flags, &first, &w);
}

/* --- the script --- */

static int
on_visible(void *ctx, const struct log_record *r)
{
	struct wire in = wire_read(r->payload);

	(void)ctx;
	if (r->type == RECORD_BODY)
		crash_mark(EXPOSED, wire_u32(&in));
	return 0;
}

static struct store_log *
start(int dirfd, struct log_tail *tail)
{
	struct store_log *l;

	if (log_open(dirfd, LOG_CREATE, &l, &w) != 0)
		return NULL;
	log_set_bound(l, BOUND);
	if (log_lock(l, 1000, &w) == 0 && log_recover(l, NULL, tail, &w) == 0 &&
	    log_replay(l, NULL, tail, on_visible, NULL, NULL, &w) == 0)
		return l;
	log_close(&l);
	return NULL;
}

/* One commit, and what it came to. */
static bool
commit(
    struct store_log *l, struct log_tail *tail, uint32_t number, uint64_t body)
{
	struct buf b;
	int r;

	buf_init(&b, 1 << 20);
	record_of(&b, number, body);
	crash_mark(TRIED, number);
	r = append(l, tail, &b, 1, number, 0);
	buf_fini(&b);
	if (r == 0)
		crash_mark(ACKED, number);
	else if (r != -ENOTRECOVERABLE)
		crash_mark(FAILED, number);
	return r == 0;
}

static void
setup_none(int dirfd)
{
	(void)dirfd;
}

static void
setup_some(int dirfd)
{
	struct log_tail tail;
	struct store_log *l;

	if (log_open(dirfd, LOG_CREATE, &l, &w) != 0)
		abort();
	log_set_bound(l, BOUND);
	if (log_lock(l, 0, &w) != 0 || log_recover(l, NULL, &tail, &w) != 0)
		abort();
	for (uint32_t i = 1; i <= 10; i++) {
		struct buf b;

		buf_init(&b, 1 << 20);
		record_of(&b, i, 0);
		if (append(l, &tail, &b, 1, i, 0) != 0)
			abort();
		buf_fini(&b);
	}
	log_close(&l);
}

static void
run_append(int dirfd, int round)
{
	uint32_t base = 100 + (uint32_t)round * 100;
	struct log_tail tail;
	struct store_log *l = start(dirfd, &tail);

	for (uint32_t i = 0; i < (round == 0 ? 10 : 4) && l != NULL; i++) {
		struct log_tail was = tail;

		if (!commit(l, &tail, base + i, 0) &&
		    log_recover(l, &was, &tail, &w) != 0)
			break;
	}
	log_close(&l);
}

#define BODY_SIZE (SPOOL_MEMORY + 5000)

static struct view
body_octets(uint32_t number)
{
	static uint8_t octets[BODY_SIZE];

	for (size_t i = 0; i < BODY_SIZE; i++)
		octets[i] = octet_of(number, i);
	return (struct view){ octets, BODY_SIZE };
}

static bool
commit_body(struct store_log *l, struct log_tail *tail, uint32_t number)
{
	struct spool *s = NULL;
	bool ok = false;

	if (spool_open_log(l, BODY_SIZE, &s) == 0 &&
	    spool_write(s, body_octets(number)) == 0 && spool_finish(s) == 0 &&
	    spool_place(s, number, &w) == 0)
		ok = commit(l, tail, number, number);
	if (s != NULL && !ok)
		spool_unplace(s);
	spool_free(&s);
	return ok;
}

static void
run_body(int dirfd, int round)
{
	uint32_t base = 100 + (uint32_t)round * 100;
	struct log_tail tail;
	struct store_log *l = start(dirfd, &tail);

	for (uint32_t i = 0; i < 2 && l != NULL; i++) {
		struct log_tail was = tail;

		if (!commit_body(l, &tail, base + i) &&
		    log_recover(l, &was, &tail, &w) != 0)
			break;
	}
	log_close(&l);
}

/* Copy what is in a segment to the end of the log, drop it, unlink it. */
struct copying {
	struct store_log *l;
	uint64_t segment;
	uint32_t numbers[64];
	size_t n;
};

static int
on_copied(void *ctx, const struct log_record *r)
{
	struct copying *c = ctx;
	struct wire in = wire_read(r->payload);

	if (r->type == RECORD_BODY && r->at.segment == c->segment &&
	    c->n < sizeof(c->numbers) / sizeof(c->numbers[0]))
		c->numbers[c->n++] = wire_u32(&in);
	return 0;
}

static int
compact(struct store_log *l, struct log_tail *tail, uint64_t segment,
    uint32_t number)
{
	struct copying c = { .l = l, .segment = segment };
	struct buf b;
	int r = log_replay(l, NULL, tail, on_copied, &c, NULL, &w);

	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < c.n && r == 0; i++)
		record_of(&b, c.numbers[i], 0);
	if (r == 0 && c.n > 0)
		r = append(l, tail, &b, c.n, number, LOG_EMERGENCY);
	buf_clear(&b);
	record_drop_put(&b, segment);
	if (r == 0)
		r = append(
		    l, tail, &b, 1, number + 1, LOG_EMERGENCY | LOG_HAS_DROP);
	buf_fini(&b);
	if (r == 0 && (r = log_unlink(l, segment, &w)) == 0)
		crash_mark(UNLINKED, segment);
	return r;
}

static void
run_drop(int dirfd, int round)
{
	uint32_t number = 300 + (uint32_t)round * 40;
	struct log_segment *s = NULL;
	struct log_tail tail;
	struct store_log *l = start(dirfd, &tail);
	size_t n = 0;

	if (l == NULL || log_sweep(l, &tail, &w) != 0 ||
	    log_segments(l, &s, &n, &w) != 0)
		n = 0;
	for (size_t i = 0; i + 1 < n; i++) {
		struct log_tail was = tail;

		if (compact(l, &tail, s[i].segment, number) != 0 &&
		    log_recover(l, &was, &tail, &w) != 0)
			break;
		number += 2;
		commit(l, &tail, 100 + (uint32_t)round * 100 + (uint32_t)i, 0);
	}
	free(s);
	log_close(&l);
}

/* --- the check --- */

struct seen {
	struct store_log *l;
	bool is_there[COMMITS_MAX];
	bool was_id[COMMITS_MAX];
	const char *text;
};

static bool
octets_are(uint32_t number, struct view v, size_t n)
{
	if (v.n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (v.p[i] != octet_of(number, i))
			return false;
	return true;
}

static int
on_record(void *ctx, const struct log_record *r)
{
	struct seen *s = ctx;
	struct wire in = wire_read(r->payload);
	uint32_t number, id;
	struct view v;

	memcpy(&id, r->commit_id, sizeof(id));
	if (r->is_last && id < COMMITS_MAX) {
		if (s->was_id[id])
			s->text = "a commit is there twice";
		s->was_id[id] = true;
	}
	if (r->type != RECORD_BODY)
		return 0;
	number = wire_u32(&in);
	uint64_t body = wire_u64(&in);
	if (number >= COMMITS_MAX ||
	    !octets_are(number, in.in, size_of(number))) {
		s->text = "a record has other octets";
		return 0;
	}
	if (body != 0 &&
	    (log_map_body(s->l, body, BODY_SIZE, &v, NULL, &w) != 0 ||
		!octets_are(number, v, BODY_SIZE)))
		s->text = "a body has other octets";
	log_release(s->l);
	s->is_there[number] = true;
	return 0;
}

static const char *
check_marks(
    const struct seen *s, int dirfd, const struct crash_mark *m, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char name[40];

		switch (m[i].kind) {
		case ACKED:
			if (!s->is_there[m[i].value])
				return "an acknowledged commit is lost";
			break;
		case EXPOSED:
			if (!s->is_there[m[i].value])
				return "a commit that was seen is lost";
			break;
		case FAILED:
			if (s->is_there[m[i].value])
				return "what was reported failed is there";
			break;
		case UNLINKED:
			snprintf(name, sizeof(name), "log/%016x.seg",
			    (unsigned)m[i].value);
			if (faccessat(dirfd, name, F_OK, 0) == 0)
				return "an unlinked segment is back";
			break;
		default:
			break;
		}
	}
	return NULL;
}

static int
on_damage(void *ctx, const struct log_damage *d)
{
	*(const char **)ctx = d->text;
	return 0;
}

static const char *
look(struct store_log *l, struct seen *s, struct log_tail *tail)
{
	const char *damage = NULL;
	size_t damaged = 0;

	*s = (struct seen){ .l = l };
	log_set_bound(l, BOUND);
	if (log_lock(l, 0, &w) != 0)
		return "the lock is held";
	if (log_recover(l, NULL, tail, &w) != 0)
		return "it does not recover";
	if (log_replay(l, NULL, tail, on_record, s, &damaged, &w) != 0)
		return "it does not replay";
	if (damaged != 0)
		return "replay found damage";
	if (log_check(l, NULL, on_damage, &damage, &w) != 0 || damage != NULL)
		return "the check found damage";
	return s->text;
}

static const char *
check_in(int dirfd, const struct crash_mark *m, size_t n, bool again)
{
	static struct seen s;
	struct log_tail tail;
	struct store_log *l;
	const char *text;
	struct buf b;

	if (log_open(dirfd, LOG_CREATE, &l, &w) != 0)
		return "it does not open";
	if ((text = look(l, &s, &tail)) == NULL)
		text = check_marks(&s, dirfd, m, n);
	if (text == NULL && again && !s.is_there[511])
		text = "what was added after it is lost";
	if (text == NULL && !again) {
		buf_init(&b, 1 << 20);
		record_of(&b, 511, 0);
		if (append(l, &tail, &b, 1, 511, 0) != 0)
			text = "nothing can be added";
		buf_fini(&b);
	}
	log_close(&l);
	return text;
}

static const char *
check(int dirfd, const struct crash_mark *m, size_t n, bool power)
{
	const char *text = check_in(dirfd, m, n, false);

	(void)power;
	return text != NULL ? text : check_in(dirfd, m, n, true);
}

static const struct crash_case cases[] = {
	{ .name = "new",
	    .setup = setup_none,
	    .run = run_append,
	    .check = check },
	{ .name = "append",
	    .setup = setup_some,
	    .run = run_append,
	    .check = check,
	    .images = 3000,
	    .must = 1ull << IO_SYNC_CUT },
	{ .name = "body",
	    .setup = setup_some,
	    .run = run_body,
	    .check = check },
	{ .name = "drop",
	    .setup = setup_some,
	    .run = run_drop,
	    .check = check,
	    .images = 3000 },
};

static const enum io_site sites[] = { IO_SYNC_COMMIT, IO_SYNC_CUT,
	IO_SYNC_RECOVER, IO_SYNC_RECOVER_DIR, IO_SYNC_SEGMENT,
	IO_SYNC_SEGMENT_DIR, IO_SYNC_BODY, IO_SYNC_BODY_DIR, IO_SYNC_UNLINK };

static void
with_room(const struct crash_case *of)
{
	struct crash_case c = *of;
	char name[64];

	snprintf(name, sizeof(name), "%s-room", of->name);
	c.name = name;
	crash_run(&c);
}

int
main(int argc, char **argv)
{
	crash_init(argc, argv);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		crash_run(&cases[i]);
	engine_file_roomy = true;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		with_room(&cases[i]);
	engine_file_roomy = false;
	crash_sites(sites, sizeof(sites) / sizeof(sites[0]));
	return crash_done();
}
