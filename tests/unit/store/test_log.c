#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/mem.h"
#include "scratch.h"
#include "store/engine.h"
#include "store/io.h"
#include "store/log_frame.h"
#include "store/record.h"
#include "tap.h"

/* --- a log to play with --- */

struct bench {
	int dir;
	char *path;
	struct store_log *l;
	struct log_tail tail;
	uint32_t next; /* number of the next record put */
	/* what replay gave */
	uint32_t seen[4096];
	size_t n_seen, n_commits, damaged;
};

static struct bench b;
static struct why w;

static void
begin(void)
{
	b = (struct bench){ .next = 1 };
	b.dir = scratch_make(&b.path);
}

static void
end(void)
{
	log_close(&b.l);
	scratch_end(&b.dir, &b.path);
}

/* Open (again), lock and recover from nothing. */
static int
start(void)
{
	int r;

	log_close(&b.l);
	r = log_open(b.dir, LOG_CREATE, &b.l, &w);
	if (r == 0)
		r = log_lock(b.l, 0, &w);
	if (r == 0)
		r = log_recover(b.l, NULL, &b.tail, &w);
	return r;
}

static const uint8_t *
id_of(uint32_t n)
{
	static uint8_t id[16];

	memset(id, 7, sizeof(id));
	memcpy(id, &n, sizeof(n));
	return id;
}

/* One commit of n records of size bytes each, numbered on. */
static int
put_flags(uint32_t n, size_t size, unsigned flags)
{
	struct log_position first;
	uint32_t was = b.next;
	struct buf buf;
	int r;

	buf_init(&buf, 1 << 24);
	for (uint32_t i = 0; i < n; i++) {
		size_t at = record_open(&buf, RECORD_BODY);

		wire_put_u32(&buf, b.next++);
		for (size_t k = 4; k < size; k++)
			buf_put_byte(&buf, (uint8_t)k);
		record_close(&buf, at);
	}
	struct view v = buf_view(&buf);
	/* in pieces cut anywhere */
	struct view parts[3] = { view_sub(v, 0, 5), view_sub(v, 5, 2),
		view_sub(v, 7, v.n) };

	r = log_append(b.l, &b.tail, parts, 3, n, b.tail.modseq + 1, id_of(was),
	    flags, &first, &w);
	if (r != 0)
		b.next = was;
	buf_fini(&buf);
	return r;
}

static int
put(uint32_t n, size_t size)
{
	return put_flags(n, size, 0);
}

static int
on_record(void *ctx, const struct log_record *r)
{
	struct wire in = wire_read(r->payload);

	(void)ctx;
	b.n_commits += r->is_last;
	if (r->type == RECORD_BODY &&
	    b.n_seen < sizeof(b.seen) / sizeof(b.seen[0]))
		b.seen[b.n_seen++] = wire_u32(&in);
	return 0;
}

/* Replay all; how many records. */
static size_t
replay_from(const struct log_tail *from)
{
	b.n_seen = b.n_commits = 0;
	if (log_replay(b.l, from, &b.tail, on_record, NULL, &b.damaged, &w) !=
	    0)
		return SIZE_MAX;
	return b.n_seen;
}

/* Exactly the records lo..hi. */
static bool
saw(uint32_t lo, uint32_t hi)
{
	if (b.n_seen != hi - lo + 1)
		return false;
	for (size_t i = 0; i < b.n_seen; i++)
		if (b.seen[i] != lo + i)
			return false;
	return true;
}

static int
segment_fd(uint64_t n)
{
	char name[64];

	snprintf(name, sizeof(name), "log/%016llx.seg", (unsigned long long)n);
	if (fchmodat(b.dir, name, 0600, 0) == -1)
		return -1;
	return openat(b.dir, name, O_RDWR | O_CLOEXEC);
}

static off_t
segment_size(uint64_t n)
{
	AUTO_CLOSE int fd = segment_fd(n);
	struct stat st;

	return fd == -1 || fstat(fd, &st) == -1 ? -1 : st.st_size;
}

/* Bytes of it on the disk. */
static off_t
segment_blocks(uint64_t n)
{
	AUTO_CLOSE int fd = segment_fd(n);
	struct stat st;

	return fd == -1 || fstat(fd, &st) == -1 ? -1 : st.st_blocks * 512;
}

static void
flip(uint64_t segment, uint64_t at)
{
	AUTO_CLOSE int fd = segment_fd(segment);
	uint8_t c;

	if (pread(fd, &c, 1, (off_t)at) != 1)
		abort();
	c ^= 0x10;
	if (pwrite(fd, &c, 1, (off_t)at) != 1)
		abort();
}

static int
on_damage(void *ctx, const struct log_damage *d)
{
	(void)d;
	++*(int *)ctx;
	return 0;
}

static int
damages(void)
{
	int n = 0;

	return log_check(b.l, NULL, on_damage, &n, &w) == 0 ? n : -1;
}

/* --- the ordinary --- */

static void
test_append(void)
{
	struct log_tail was, found;

	begin();
	tap_ok(log_open(b.dir, 0, &b.l, &w) == STORE_NOT_FOUND,
	    "no log without create");
	tap_ok(start() == 0, "a new log: %s", w.text);
	tap_ok(b.tail.at.segment == 1 && b.tail.at.offset == LOG_DATA,
	    "starts in segment 1");
	tap_ok(replay_from(NULL) == 0, "and is empty");
	tap_ok(put(3, 10) == 0 && put(1, 4) == 0, "two commits");
	was = b.tail;
	tap_ok(!log_may_have_grown(b.l, &was), "nothing behind the tail");
	tap_ok(put(2, 100000) == 0, "a larger one");
	tap_ok(log_may_have_grown(b.l, &was), "the log has grown");
	tap_ok(replay_from(NULL) == 6 && saw(1, 6) && b.n_commits == 3,
	    "all come back in order");
	tap_ok(replay_from(&was) == 2 && saw(5, 6), "and those behind a tail");
	tap_ok(
	    log_is_end(b.l, &was) && log_is_end(b.l, &b.tail), "ends are ends");
	was.crc++;
	tap_ok(!log_is_end(b.l, &was), "another CRC is not");
	tap_ok(log_find(b.l, NULL, &b.tail, id_of(4), &found, &w) == 0 &&
		found.at.offset < was.at.offset + 1 && found.modseq == 2,
	    "a commit is found by its id");
	tap_ok(log_find(b.l, NULL, &b.tail, id_of(2), &found, &w) ==
		STORE_NOT_FOUND,
	    "another is not");
	tap_ok(damages() == 0, "the check is clean");
	was = b.tail;
	tap_ok(start() == 0 && memcmp(&was, &b.tail, sizeof(was)) == 0,
	    "the same end after opening it again");
	tap_ok(replay_from(NULL) == 6 && saw(1, 6), "the same records");
	end();
}

static void
test_lock(void)
{
	struct store_log *other;

	begin();
	tap_ok(start() == 0, "one holds the lock");
	tap_ok(log_open(b.dir, 0, &other, &w) == 0 &&
		log_lock(other, 0, &w) == STORE_LOCKED,
	    "another does not get it");
	tap_ok(log_lock(other, 50, &w) == STORE_LOCKED, "nor in 50 ms");
	log_unlock(b.l);
	tap_ok(log_lock(other, 50, &w) == 0, "until it is released");
	log_close(&other);
	tap_ok(log_lock(b.l, 0, &w) == 0, "or its holder is gone");
	end();
}

static void
test_known(void)
{
	struct log_tail was, known;
	struct store_log *other;

	begin();
	tap_ok(start() == 0 && put(1, 10) == 0, "a commit");
	known = was = b.tail;
	log_unlock(b.l);
	tap_ok(log_open(b.dir, 0, &other, &w) == 0 &&
		log_lock(other, 0, &w) == 0 &&
		log_recover(other, &known, &known, &w) == 0 &&
		memcmp(&was, &known, sizeof(was)) == 0,
	    "nothing behind what is known");
	b.tail = known;
	struct store_log *mine = b.l;
	b.l = other;
	tap_ok(put(2, 10) == 0, "the other one appends");
	log_unlock(other);
	b.l = mine;
	tap_ok(log_lock(b.l, 0, &w) == 0 &&
		log_recover(b.l, &was, &b.tail, &w) == 0 &&
		memcmp(&b.tail, &known, sizeof(known)) != 0 &&
		replay_from(&was) == 2,
	    "and the first one finds it");
	was.crc ^= 1;
	tap_ok(log_recover(b.l, &was, &b.tail, &w) == -ESTALE,
	    "a view of another log is told so");
	log_close(&other);
	end();
}

static void
test_roll(void)
{
	struct log_segment *s;
	struct log_tail first;
	size_t n;

	begin();
	tap_ok(start() == 0, "a log");
	log_set_bound(b.l, 20000);
	tap_ok(put(1, 1000) == 0, "a commit");
	first = b.tail;
	for (int i = 0; i < 30; i++)
		if (put(1, 1000) != 0)
			tap_ok(0, "append %d", i);
	tap_ok(b.tail.at.segment >= 3, "segments roll");
	tap_ok(put(1, 50000) == 0 && b.tail.at.offset > 50000,
	    "a commit beyond the bound has its own");
	tap_ok(log_may_have_grown(b.l, &first), "a roll is seen");
	tap_ok(replay_from(NULL) == 32 && saw(1, 32), "all is there");
	tap_ok(replay_from(&first) == 31 && saw(2, 32), "or from anywhere");
	tap_ok(log_segments(b.l, &s, &n, &w) == 0 && n == b.tail.at.segment,
	    "segments are listed");
	tap_ok(n > 0 && s[0].size <= 20000, "within their bound");
	free(s);
	tap_ok(damages() == 0, "the check is clean");
	/* a power cut may lose the seal */
	if (fchmodat(b.dir, "log/0000000000000001.seg", 0600, 0) == -1)
		abort();
	struct log_tail end_of_1 = { .at = { 1, segment_size(1) } };
	struct store_log *other;
	tap_ok(log_open(b.dir, 0, &other, &w) == 0 &&
		log_may_have_grown(other, &end_of_1),
	    "a roll is seen without the seal");
	log_close(&other);
	tap_ok(start() == 0 && replay_from(NULL) == 32 && b.damaged == 0,
	    "also after opening it again");
	end();
}

/* --- torn tails and damage --- */

static void
test_torn(void)
{
	struct log_tail base, whole;
	size_t bad_cut = 0, bad_flip = 0;
	uint8_t bytes[512];
	int fd;

	begin();
	tap_ok(start() == 0 && put(2, 20) == 0, "a commit");
	base = b.tail;
	tap_ok(put(3, 33) == 0, "and one to be torn");
	whole = b.tail;
	size_t n = whole.at.offset - base.at.offset;
	fd = segment_fd(1);
	tap_ok(pread(fd, bytes, n, (off_t)base.at.offset) == (ssize_t)n,
	    "its bytes");
	for (size_t cut = 0; cut < n; cut++) {
		/* a frame begins with three zeros, which are no tear */
		off_t left = (off_t)(base.at.offset + (cut <= 3 ? cut : 0));

		if (ftruncate(fd, (off_t)(base.at.offset + cut)) != 0 ||
		    start() != 0 || memcmp(&b.tail, &base, sizeof(base)) != 0 ||
		    segment_size(1) != left || replay_from(NULL) != 2 ||
		    b.damaged != 0)
			bad_cut++;
		if (pwrite(fd, bytes, n, (off_t)base.at.offset) != (ssize_t)n)
			abort();
	}
	tap_ok(bad_cut == 0, "cut at every length it ends before: %zu wrong",
	    bad_cut);
	for (size_t at = 0; at < n; at++) {
		flip(1, base.at.offset + at);
		if (start() != 0 || memcmp(&b.tail, &base, sizeof(base)) != 0 ||
		    replay_from(NULL) != 2)
			bad_flip++;
		if (pwrite(fd, bytes, n, (off_t)base.at.offset) != (ssize_t)n)
			abort();
	}
	tap_ok(bad_flip == 0, "any byte changed: %zu wrong", bad_flip);
	tap_ok(start() == 0 && memcmp(&b.tail, &whole, sizeof(whole)) == 0,
	    "whole it is found");
	close(fd);
	end();
}

static void
test_damage(void)
{
	struct log_tail first, second, last;
	off_t size;

	begin();
	tap_ok(start() == 0 && put(1, 20) == 0, "commits");
	first = b.tail;
	tap_ok(put(1, 20) == 0, "one that will be damaged");
	second = b.tail;
	tap_ok(put(2, 20) == 0 && put(1, 20) == 0, "and more");
	last = b.tail;
	size = segment_size(1);
	flip(1, first.at.offset + 50);
	tap_ok(damages() == 1, "the check finds it");
	tap_ok(start() == 0, "the account goes on");
	tap_ok(segment_size(1) == size, "nothing is cut");
	tap_ok(b.tail.at.segment == 2 && b.tail.crc == last.crc,
	    "but in a new segment");
	tap_ok(replay_from(NULL) == 4 && b.damaged == 1 && b.seen[1] == 3,
	    "all the others are there");
	tap_ok(put(1, 20) == 0 && replay_from(NULL) == 5, "more can be added");
	tap_ok(replay_from(&second) == 4 && b.damaged == 0,
	    "behind it all is well");
	tap_ok(
	    start() == 0 && b.tail.at.segment == 2, "it stays in that segment");
	tap_ok(damages() == 1, "the check goes on saying so");
	end();
}

static void
test_header(void)
{
	begin();
	tap_ok(start() == 0 && put(1, 20) == 0, "a commit");
	flip(1, 20);
	tap_ok(start() == 0 && b.tail.at.segment == 1 && replay_from(NULL) == 1,
	    "the second copy of a header will do");
	tap_ok(damages() == 1, "but it is said");
	flip(1, LOG_DATA / 2 + 30);
	tap_ok(start() == 0 && b.tail.at.segment == 2,
	    "without any the account goes on elsewhere");
	tap_ok(replay_from(NULL) == 0 && b.damaged == 1, "with a loss");
	tap_ok(put(1, 20) == 0 && replay_from(NULL) == 1, "and new mail");
	end();
}

/* --- failing calls --- */

struct fault {
	enum io_op op;
	enum io_site site;
	int after; /* calls of that kind to let pass */
	int times; /* then to fail so many */
	int err;
	uint64_t shorten; /* bytes to write before failing */
	bool done;        /* do it and say that it failed */
	int writes, syncs;
};

static struct fault fault;

static bool
is_due(const struct io_event *e)
{
	if (e->op != fault.op || fault.times == 0 ||
	    (e->op == IO_SYNC && e->site != fault.site))
		return false;
	if (fault.after > 0) {
		fault.after--;
		return false;
	}
	return true;
}

static int
before(void *ctx, const struct io_event *e, uint64_t *size)
{
	(void)ctx;
	fault.writes += e->op == IO_WRITE;
	fault.syncs += e->op == IO_SYNC;
	if (fault.done || !is_due(e))
		return IO_GO;
	if (e->op == IO_WRITE && fault.shorten > 0 && fault.shorten < *size) {
		*size = fault.shorten;
		fault.shorten = 0;
		return IO_GO;
	}
	fault.times--;
	return fault.err;
}

static int64_t
after(void *ctx, const struct io_event *e, int64_t r)
{
	(void)ctx;
	if (!fault.done || !is_due(e))
		return r;
	fault.times--;
	return fault.err;
}

static const struct io_hooks hooks = { .before = before, .after = after };

static int
put_faulty(struct fault f)
{
	int r;

	fault = f;
	io_hooks = &hooks;
	r = put(2, 5000);
	io_hooks = NULL;
	return r;
}

static void
test_calls(void)
{
	begin();
	tap_ok(start() == 0 && put(1, 10) == 0, "a log");
	put_faulty((struct fault){ .times = 0 });
	tap_ok(fault.writes == 1 && fault.syncs == 1,
	    "a commit is one write and one sync, got %d and %d", fault.writes,
	    fault.syncs);
	end();
}

static void
check_failed(const char *name, struct fault f, int want, uint64_t segment)
{
	struct log_tail was;

	begin();
	if (start() != 0 || put(1, 10) != 0)
		abort();
	was = b.tail;
	int r = put_faulty(f);
	tap_ok(r == want, "%s: got %d, want %d", name, r, want);
	tap_ok(memcmp(&was, &b.tail, sizeof(was)) == 0, "%s: tail stays", name);
	tap_ok(log_recover(b.l, &was, &b.tail, &w) == 0 &&
		b.tail.at.segment == segment,
	    "%s: goes on in segment %d", name, (int)b.tail.at.segment);
	tap_ok(replay_from(NULL) == 1, "%s: nothing of it is there", name);
	tap_ok(put(1, 10) == 0 && replay_from(NULL) == 2 && saw(1, 2),
	    "%s: the next one is", name);
	tap_ok(start() == 0 && replay_from(NULL) == 2 && saw(1, 2) &&
		b.damaged == 0 && damages() == 0,
	    "%s: also when opened again", name);
	end();
}

static void
test_failures(void)
{
	check_failed("write",
	    (struct fault){ .op = IO_WRITE, .times = 1, .err = -EIO }, -EIO, 1);
	check_failed("short write, then full",
	    (struct fault){
		.op = IO_WRITE, .times = 1, .err = -ENOSPC, .shorten = 777 },
	    STORE_FULL, 1);
	check_failed("quota",
	    (struct fault){ .op = IO_WRITE, .times = 1, .err = -EDQUOT },
	    STORE_FULL, 1);
	check_failed("whole write that failed",
	    (struct fault){
		.op = IO_WRITE, .times = 1, .err = -EIO, .done = true },
	    -EIO, 1);
	check_failed("sync",
	    (struct fault){ .op = IO_SYNC,
		.site = IO_SYNC_COMMIT,
		.times = 1,
		.err = -EIO },
	    -EIO, 2);
}

/* A disk that is full: only what may use the reserve passes. */
static void
test_full(void)
{
	struct fault full = {
		.op = IO_ALLOCATE, .times = 1000, .err = -ENOSPC
	};
	int r = 0, n = 0;

	begin();
	tap_ok(start() == 0, "a log");
	fault = full;
	io_hooks = &hooks;
	while (r == 0 && n++ < 200)
		r = put(1, 10000);
	tap_ok(r == STORE_FULL, "the disk gets full: %d", r);
	r = put_flags(1, 10000, LOG_EMERGENCY);
	tap_ok(r == 0, "an emergency passes: %d", r);
	tap_ok(put(1, 10) == STORE_FULL, "nothing else");
	log_set_bound(b.l, LOG_DATA + 100);
	fault.op = IO_CREATE;
	tap_ok(put(1, 10) == STORE_FULL, "no new segment");
	tap_ok(put_flags(1, 10, LOG_EMERGENCY) == 0 && b.tail.at.segment == 1,
	    "an emergency stays in the old one");
	io_hooks = NULL;
	tap_ok(put(1, 10) == 0, "with room again all is well");
	tap_ok(start() == 0 && damages() == 0, "the check is clean");
	end();
}

/* --- engine faults --- */

static enum engine_call bad_call;
static int bad_result, bad_times;

static int
engine_says(void *ctx, enum engine_call call, uint64_t number)
{
	(void)ctx;
	(void)number;
	if (call != bad_call || bad_times == 0)
		return 0;
	bad_times--;
	return bad_result;
}

static void
start_faulty(bool after_it)
{
	struct engine *e;

	if (engine_file(b.dir, true, &e, &w) != 0 ||
	    log_open_engine(engine_fault(e, after_it ? NULL : engine_says,
				after_it ? engine_says : NULL, NULL),
		0, &b.l, &w) != 0 ||
	    log_lock(b.l, 0, &w) != 0 ||
	    log_recover(b.l, NULL, &b.tail, &w) != 0 || put(1, 10) != 0)
		abort();
}

static void
test_engine(void)
{
	struct log_tail was;

	begin();
	start_faulty(true);
	was = b.tail;
	bad_call = ENGINE_APPEND;
	bad_result = ENGINE_BROKEN;
	bad_times = 1;
	tap_ok(put(1, 10) == -EIO, "an append that nobody can tell of");
	tap_ok(log_recover(b.l, &was, &b.tail, &w) == 0 &&
		b.tail.at.segment == 2 && replay_from(NULL) == 1,
	    "is disowned");
	tap_ok(log_may_have_grown(b.l, &was), "which others notice");
	tap_ok(put(1, 10) == 0 && replay_from(NULL) == 2, "and life goes on");
	end();

	begin();
	start_faulty(false);
	bad_call = ENGINE_APPEND;
	bad_result = ENGINE_RACED;
	bad_times = 1;
	tap_ok(put(1, 10) == -EAGAIN, "a race is told");
	end();
}

/* With a failed sync and no way to make a successor it is cut; when not even
 * that works nobody knows, and log_find() tells. */
static int
says_both(void *ctx, enum engine_call call, uint64_t number)
{
	(void)number;
	if (call == ENGINE_CREATE)
		return -EROFS;
	return call == ENGINE_CUT && *(bool *)ctx ? ENGINE_BROKEN : 0;
}

static int
says_append(void *ctx, enum engine_call call, uint64_t number)
{
	(void)ctx;
	(void)number;
	return call == ENGINE_APPEND ? ENGINE_BROKEN : 0;
}

static void
test_hopeless(void)
{
	struct log_tail was, found;
	bool no_cut = false;
	struct engine *e;

	begin();
	if (start() != 0 || put(1, 10) != 0)
		abort();
	log_close(&b.l);
	was = b.tail;
	for (int round = 0; round < 2; round++) {
		no_cut = round == 1;
		if (engine_file(b.dir, true, &e, &w) != 0 ||
		    log_open_engine(
			engine_fault(e, says_both, says_append, &no_cut), 0,
			&b.l, &w) != 0 ||
		    log_lock(b.l, 0, &w) != 0 ||
		    log_recover(b.l, NULL, &b.tail, &w) != 0)
			abort();
		tap_ok(put(1, 10) == (no_cut ? -ENOTRECOVERABLE : -EIO),
		    "neither sync nor successor%s", no_cut ? " nor cut" : "");
		tap_ok(start() == 0, "opened again");
		tap_ok(log_find(b.l, &was, &b.tail, id_of(2), &found, &w) ==
			(no_cut ? 0 : STORE_NOT_FOUND),
		    no_cut ? "it is there after all" : "it was cut");
		log_close(&b.l);
	}
	end();
}

/* --- compaction's needs --- */

static int
put_drop(uint64_t segment)
{
	struct log_position first;
	struct buf buf;
	struct view v;
	int r;

	buf_init(&buf, 1024);
	record_drop_put(&buf, segment);
	v = buf_view(&buf);
	r = log_append(b.l, &b.tail, &v, 1, 1, b.tail.modseq, id_of(99),
	    LOG_HAS_DROP, &first, &w);
	buf_fini(&buf);
	return r;
}

static void
test_drop(void)
{
	struct log_segment *s;
	struct log_tail first;
	size_t n;

	begin();
	tap_ok(start() == 0, "a log");
	log_set_bound(b.l, 10000);
	for (int i = 0; i < 4; i++)
		if (put(1, 3000) != 0)
			abort();
	first = b.tail;
	tap_ok(b.tail.at.segment == 4, "four segments");
	tap_ok(put_drop(2) == 0, "one is dropped");
	tap_ok(
	    replay_from(NULL) == 3 && b.seen[1] == 3, "replay leaves it out");
	tap_ok(log_segments(b.l, &s, &n, &w) == 0 &&
		n + 1 == b.tail.at.segment && s[1].segment == 3,
	    "so does the list");
	free(s);
	tap_ok(log_replay(b.l, NULL, &first, on_record, (b.n_seen = 0, NULL),
		   NULL, &w) == 0 &&
		b.n_seen == 4,
	    "before the DROP it counts");
	tap_ok(log_sweep(b.l, &b.tail, &w) == 0 && segment_size(2) == -1,
	    "a sweep unlinks it");
	tap_ok(replay_from(NULL) == 3 && damages() == 0, "all is well");
	tap_ok(log_unlink(b.l, b.tail.at.segment, &w) == -EBUSY,
	    "the last one stays");
	tap_ok(log_unlink(b.l, 2, &w) == 0, "a second time is fine");
	tap_ok(start() == 0 && replay_from(NULL) == 3, "opened again");
	end();
}

/* The segment with a DROP is dropped too; what is missing without one shows. */
static void
test_gap(void)
{
	uint64_t at;

	begin();
	if (start() != 0)
		abort();
	log_set_bound(b.l, 10000);
	for (int i = 0; i < 4; i++)
		if (put(1, 3000) != 0)
			abort();
	if (put_drop(2) != 0 || log_unlink(b.l, 2, &w) != 0)
		abort();
	at = b.tail.at.segment;
	if (put(1, 3000) != 0 || put_drop(at) != 0 ||
	    log_unlink(b.l, at, &w) != 0)
		abort();
	(void)replay_from(NULL);
	tap_ok(b.damaged == 0 && damages() == 0,
	    "nothing is missing though no DROP of it is left");
	if (put(1, 3000) != 0 || put(1, 3000) != 0 ||
	    log_unlink(b.l, b.tail.at.segment - 1, &w) != 0)
		abort();
	(void)replay_from(NULL);
	tap_ok(b.damaged == 1 && damages() == 1, "a segment is missing");
	end();
}

/* The header of a dropped segment said where the one before ends. */
static void
test_drop_after_seal(void)
{
	begin();
	tap_ok(start() == 0 && put(1, 100) == 0, "a log");
	put_faulty((struct fault){
	    .op = IO_SYNC, .site = IO_SYNC_COMMIT, .times = 1, .err = -EIO });
	if (log_recover(b.l, &b.tail, &b.tail, &w) != 0)
		abort();
	tap_ok(b.tail.at.segment == 2, "a failed sync seals");
	log_set_bound(b.l, LOG_DATA + 1);
	tap_ok(put(1, 100) == 0 && put(1, 100) == 0 && b.tail.at.segment == 3,
	    "two more");
	tap_ok(put_drop(2) == 0 && log_unlink(b.l, 2, &w) == 0,
	    "the segment that knows is dropped");
	tap_ok(replay_from(NULL) == 2 && b.seen[0] == 1 && b.seen[1] == 3,
	    "what failed does not come back");
	tap_ok(damages() == 0, "the check is clean");
	end();
}

static void
test_maps(void)
{
	struct view v, kept;
	size_t bad = 0;
	int fd;

	begin();
	tap_ok(start() == 0, "a log");
	log_set_bound(b.l, LOG_DATA + 1);
	for (uint32_t i = 0; i < LOG_MAPS_MAX + 8; i++)
		if (put(1, 100) != 0)
			abort();
	for (uint64_t i = 1; i <= LOG_MAPS_MAX + 8; i++) {
		struct log_position at = { i,
			LOG_DATA + LOG_BEGIN_SIZE + RECORD_FRAME };
		uint8_t same[100];

		if (log_map(b.l, at, 100, &v, &fd, &w) != 0 || v.n != 100 ||
		    v.p[3] != i || log_read(b.l, at, same, 100, &w) != 0 ||
		    memcmp(same, v.p, 100) != 0)
			bad++;
		if (i == 1)
			kept = v;
	}
	tap_ok(bad == 0, "more segments than maps can be seen at once");
	tap_ok(kept.p[3] == 1, "and the first view still is");
	log_release(b.l);
	tap_ok(put_drop(1) == 0 &&
		log_map(b.l, (struct log_position){ 1, LOG_DATA + 40 }, 8,
		    &kept, NULL, &w) == 0 &&
		log_unlink(b.l, 1, &w) == 0 && kept.p[3] == 1,
	    "a view outlives its segment");
	log_trim(b.l);
	tap_ok(log_map(b.l, (struct log_position){ 1, LOG_DATA + 40 }, 8, &v,
		   NULL, &w) == -ENOENT,
	    "which is then gone");
	b.tail.at.offset = (uint64_t)segment_size(b.tail.at.segment);
	tap_ok(log_map(b.l, b.tail.at, 1, &v, NULL, &w) == -ENODATA,
	    "nothing is mapped behind the end");
	end();
}

static void
test_facts(void)
{
	struct log_facts f = { .modseq = 5, .mailbox = 17, .uidvalidity = 99 };

	begin();
	tap_ok(start() == 0, "a log");
	log_set_bound(b.l, LOG_DATA + 1);
	log_set_facts(b.l, &f);
	b.tail.modseq = f.modseq;
	tap_ok(put(1, 10) == 0 && put(1, 10) == 0, "that has rolled");
	tap_ok(start() == 0, "opened again");
	log_get_facts(b.l, &f);
	tap_ok(f.modseq == 6 && f.mailbox == 17 && f.uidvalidity == 99,
	    "knows the facts");
	tap_ok(put(1, 10) == 0 && b.tail.modseq == 8,
	    "modseq goes on from there: %d", (int)b.tail.modseq);
	end();
}

/* --- many at once --- */

#define WRITERS 8
#define EACH 40

static void
writer(uint32_t me)
{
	struct log_tail known = { 0 };

	if (log_open(b.dir, 0, &b.l, &w) != 0)
		_exit(1);
	log_set_bound(b.l, 30000);
	for (uint32_t i = 0; i < EACH; i++) {
		if (log_lock(b.l, 10000, &w) != 0 ||
		    log_recover(b.l, known.at.segment == 0 ? NULL : &known,
			&b.tail, &w) != 0)
			_exit(2);
		b.next = me * EACH + i + 1;
		if (put(1, 500) != 0)
			_exit(3);
		known = b.tail;
		log_unlock(b.l);
	}
	_exit(0);
}

static void
test_writers(void)
{
	bool seen[WRITERS * EACH + 1] = { false };
	size_t bad = 0;
	int status;

	begin();
	tap_ok(start() == 0, "a log");
	log_close(&b.l);
	fflush(stdout);
	for (uint32_t i = 0; i < WRITERS; i++)
		if (fork() == 0)
			writer(i);
	for (uint32_t i = 0; i < WRITERS; i++)
		bad += wait(&status) == -1 || status != 0;
	tap_ok(bad == 0, "many writers at once");
	tap_ok(start() == 0 && replay_from(NULL) == (size_t)WRITERS * EACH &&
		b.damaged == 0,
	    "all that they wrote is there: %zu", b.n_seen);
	for (size_t i = 0; i < b.n_seen; i++) {
		bad += seen[b.seen[i]];
		seen[b.seen[i]] = true;
	}
	tap_ok(bad == 0 && damages() == 0, "once each");
	end();
}

/* --- room --- */

static bool
put_zeros(uint64_t from, uint64_t to)
{
	AUTO_CLOSE int fd = segment_fd(1);
	uint8_t zero = 0;
	bool ok = fd != -1;

	for (uint64_t at = from; at < to && ok; at++)
		ok = pwrite(fd, &zero, 1, (off_t)at) == 1;
	return ok;
}

/* Part of a commit in what was room. */
static bool
tear(const struct log_tail *base, const uint8_t *bytes, size_t n, size_t from,
    size_t cut)
{
	AUTO_CLOSE int fd = segment_fd(1);

	return put_zeros(base->at.offset, base->at.offset + n) &&
	    pwrite(fd, bytes + from, cut - from,
		(off_t)(base->at.offset + from)) == (ssize_t)(cut - from);
}

static void
test_torn_in_room(void)
{
	size_t bad = 0, n;
	struct log_tail base, whole;
	uint8_t bytes[512];
	AUTO_CLOSE int fd = -1;

	begin();
	tap_ok(start() == 0 && put(2, 20) == 0, "room: a commit");
	base = b.tail;
	tap_ok(segment_size(1) > (off_t)base.at.offset, "it leaves room");
	tap_ok(put(3, 33) == 0, "and one to be torn");
	whole = b.tail;
	n = whole.at.offset - base.at.offset;
	fd = segment_fd(1);
	tap_ok(pread(fd, bytes, n, (off_t)base.at.offset) == (ssize_t)n,
	    "its bytes");
	for (size_t cut = 4; cut < n; cut++) {
		off_t size = (off_t)base.at.offset;

		bad += !tear(&base, bytes, n, 0, cut) || damages() != 1 ||
		    start() != 0 || memcmp(&b.tail, &base, sizeof(base)) != 0 ||
		    segment_size(1) != size || replay_from(NULL) != 2 ||
		    b.damaged != 0;
		/* and as blocks may come after a power cut: its end alone */
		bad += !tear(&base, bytes, n, cut, n) || start() != 0 ||
		    memcmp(&b.tail, &base, sizeof(base)) != 0 ||
		    segment_size(1) != size || b.damaged != 0;
	}
	tap_ok(bad == 0, "torn anywhere it ends before: %zu wrong", bad);
	tap_ok(tear(&base, bytes, n, 0, n) && start() == 0 &&
		memcmp(&b.tail, &whole, sizeof(whole)) == 0,
	    "whole it is found");
	tap_ok(put(2, 20) == 0 && start() == 0 && replay_from(NULL) == 7 &&
		damages() == 0,
	    "and it goes on");
	end();
}

/* What a loss leaves is no room where a commit is known to have been. */
static void
test_zeros_for_a_commit(void)
{
	struct log_tail first, second;
	int n = 0;

	begin();
	tap_ok(start() == 0 && put(1, 20) == 0, "room: commits");
	first = b.tail;
	tap_ok(put(1, 20) == 0, "two of them");
	second = b.tail;
	tap_ok(put_zeros(first.at.offset, second.at.offset), "one goes");
	tap_ok(log_check(b.l, &second, on_damage, &n, &w) == 0 && n == 1,
	    "the check finds it by the tail");
	log_close(&b.l);
	tap_ok(log_open(b.dir, 0, &b.l, &w) == 0 &&
		log_lock(b.l, 1000, &w) == 0 &&
		log_recover_after(b.l, &second, &b.tail, &w) == 0 &&
		b.tail.at.segment == 2,
	    "and so does the recovery");
	tap_ok(replay_from(NULL) == 1 && b.damaged == 1, "which says so");
	end();
}

static void
test_room(void)
{
	struct store_log *other;
	struct log_tail was;
	off_t size;

	begin();
	tap_ok(start() == 0 && put(1, 20) == 0, "room: an append");
	was = b.tail;
	size = segment_size(1);
	tap_ok(size > (off_t)was.at.offset && damages() == 0,
	    "leaves room, which is no damage");
	tap_ok(log_open(b.dir, 0, &other, &w) == 0 &&
		!log_may_have_grown(other, &was),
	    "nor has the log grown by it");
	tap_ok(put(1, 20) == 0 && segment_size(1) == size,
	    "the next one goes into it");
	tap_ok(log_may_have_grown(other, &was), "that is seen");
	log_unlock(b.l);
	tap_ok(log_lock(other, 1000, &w) == 0 &&
		log_recover(other, &was, &was, &w) == 0 &&
		memcmp(&was, &b.tail, sizeof(was)) == 0 &&
		segment_size(1) == size,
	    "and taken on without a cut");
	log_close(&other);
	tap_ok(start() == 0 && put(1, 100000) == 0 &&
		segment_size(1) == (off_t)b.tail.at.offset,
	    "a long one goes over it and leaves none");
	tap_ok(replay_from(NULL) == 3 && damages() == 0, "all is there");
	tap_ok(put(1, 20) == 0 && segment_size(1) > (off_t)b.tail.at.offset &&
		segment_blocks(1) >= (off_t)(b.tail.at.offset + LOG_RESERVE),
	    "it lies in the reserve");
	log_set_bound(b.l, b.tail.at.offset + 400);
	tap_ok(put(1, 20) == 0 && put(1, 200) == 0 && b.tail.at.segment == 2 &&
		damages() == 0 && start() == 0 && replay_from(NULL) == 6,
	    "a finished segment may have it, too");
	end();
}

static void
test_all(void)
{
	test_append();
	test_lock();
	test_known();
	test_roll();
	test_torn();
	test_damage();
	test_header();
	test_calls();
	test_failures();
	test_full();
	test_engine();
	test_hopeless();
	test_drop();
	test_gap();
	test_drop_after_seal();
	test_maps();
	test_facts();
	test_writers();
}

int
main(void)
{
	test_all();
	engine_file_roomy = true;
	test_all();
	test_room();
	test_torn_in_room();
	test_zeros_for_a_commit();
	return tap_done();
}
