/*
 * The tree keeps the shape of the command, with AND and OR sorted by cost. Each
 * message is asked at rising cost until the answer is certain: three-valued
 * logic, in which a key that costs more than allowed answers "later".
 */

#include "search/query.h"

#include <assert.h>
#include <errno.h>

#include "imap/flags.h"
#include "imap/limits.h"
#include "mail/charset.h"
#include "mail/date.h"

enum op {
	OP_ALL,
	OP_NONE,
	OP_AND,
	OP_OR,
	OP_NOT,
	OP_FLAGS,
	OP_KEYWORD,
	OP_UIDS,
	OP_SIZE,
	OP_TIME,
	OP_DAY,
	OP_SENT,
	OP_HEADER,
	OP_BODY,
	OP_TEXT,
};

struct span {
	int64_t lo, hi; /* inclusive */
};

struct query {
	enum op op;
	enum query_cost cost;
	struct query *keys; /* AND, OR, NOT */
	size_t n;
	union {
		struct {
			uint16_t set, clear;
		} flags;
		unsigned keyword;
		struct {
			const struct uid_run *run;
			size_t n;
		} uids;
		struct span span; /* octets, seconds, days */
		struct {
			struct match_field field;
			struct match_needle needle;
		} text;
	} u;
};

/* --- compiling --- */

struct compiler {
	const struct query_env *env;
	struct arena *a;
};

static int compile(
    const struct compiler *c, const struct searchkey *k, struct query *q);

/* Cheap ones first, else as the client wrote them. */
static void
sort_keys(struct query *keys, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct query q = keys[i];
		size_t j = i;

		for (; j > 0 && keys[j - 1].cost > q.cost; j--)
			keys[j] = keys[j - 1];
		keys[j] = q;
	}
}

static int
compile_keys(const struct compiler *c, const struct searchkey *k, enum op op,
    struct query *q)
{
	int r;

	q->op = op;
	q->n = k->n;
	q->keys = arena_alloc(c->a, k->n * sizeof(*q->keys));
	if (q->keys == NULL)
		return QUERY_LIMIT;
	for (size_t i = 0; i < k->n; i++) {
		if ((r = compile(c, &k->keys[i], &q->keys[i])) != 0)
			return r;
		if (q->keys[i].cost > q->cost)
			q->cost = q->keys[i].cost;
	}
	sort_keys(q->keys, q->n);
	return 0;
}

static uint16_t
system_bits(unsigned flags)
{
	static const struct {
		unsigned imap;
		uint16_t store;
	} map[] = {
		{ FLAGS_ANSWERED, STORE_ANSWERED },
		{ FLAGS_FLAGGED, STORE_FLAGGED },
		{ FLAGS_DELETED, STORE_DELETED },
		{ FLAGS_SEEN, STORE_SEEN },
		{ FLAGS_DRAFT, STORE_DRAFT },
	};
	uint16_t bits = 0;

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if ((flags & map[i].imap) != 0)
			bits |= map[i].store;
	return bits;
}

/* \Recent is a set of UIDs, not a flag: NEW is {system flags, recent}. */
static int
compile_flags(
    const struct compiler *c, const struct searchkey *k, struct query *q)
{
	unsigned set = k->u.flags.set, clear = k->u.flags.clear;
	struct query flags = { .op = OP_FLAGS,
		.u.flags = { system_bits(set), system_bits(clear) } };
	struct query recent = { .op = OP_UIDS,
		.u.uids = { c->env->recent, c->env->n_recent } };
	struct query *keys;

	*q = flags;
	if (((set | clear) & FLAGS_RECENT) == 0)
		return 0;
	if ((keys = arena_alloc(c->a, 3 * sizeof(*keys))) == NULL)
		return QUERY_LIMIT;
	keys[0] = flags;
	keys[1] = recent;
	if ((clear & FLAGS_RECENT) != 0) {
		keys[2] = recent;
		keys[1] =
		    (struct query){ .op = OP_NOT, .keys = &keys[2], .n = 1 };
	}
	*q = (struct query){ .op = OP_AND, .keys = keys, .n = 2 };
	return 0;
}

static int
compile_keyword(
    const struct compiler *c, const struct searchkey *k, struct query *q)
{
	bool absent = k->u.keyword.absent;
	unsigned number = 0;
	struct query *key;
	int r = STORE_NOT_FOUND;

	if (c->env->account != NULL)
		r = account_keyword_find(
		    c->env->account, k->u.keyword.name, &number);
	if (r < 0)
		return r;
	q->op = absent ? OP_ALL : OP_NONE;
	if (r != 0)
		return 0;
	q->op = OP_KEYWORD;
	q->u.keyword = number;
	if (!absent)
		return 0;
	if ((key = arena_alloc(c->a, sizeof(*key))) == NULL)
		return QUERY_LIMIT;
	*key = *q;
	*q = (struct query){ .op = OP_NOT, .keys = key, .n = 1 };
	return 0;
}

static int
compile_set(const struct compiler *c, const struct searchkey *k, bool uid,
    struct query *q)
{
	q->op = OP_UIDS;
	if (!c->env->set(
		c->env->ctx, &k->u.set, uid, &q->u.uids.run, &q->u.uids.n))
		return QUERY_SET;
	return 0;
}

static void
compile_date(const struct searchkey *k, struct query *q)
{
	int64_t day = k->u.date.days;
	struct span s = { INT64_MIN, INT64_MAX };

	switch (k->u.date.when) {
	case SEARCHKEY_BEFORE:
		s.hi = day - 1;
		break;
	case SEARCHKEY_ON:
		s = (struct span){ day, day };
		break;
	case SEARCHKEY_SINCE:
		s.lo = day;
		break;
	}
	q->op = k->u.date.sent ? OP_SENT : OP_DAY;
	q->cost = k->u.date.sent ? QUERY_SUMMARY : QUERY_ROW;
	q->u.span = s;
}

/* number is at most UINT64_MAX, sizes and ages are far below INT64_MAX. */
static int64_t
clip(uint64_t n)
{
	return n > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)n;
}

static void
compile_number(
    const struct compiler *c, const struct searchkey *k, struct query *q)
{
	int64_t n = clip(k->u.number);
	struct span s = { INT64_MIN, INT64_MAX };

	q->op = OP_SIZE;
	if (k->kind == SEARCHKEY_LARGER) {
		s.lo = n + 1;
	} else if (k->kind == SEARCHKEY_SMALLER) {
		s.hi = n - 1;
	} else { /* RFC 5032 section 2.2: both include their border */
		q->op = OP_TIME;
		if (k->kind == SEARCHKEY_OLDER)
			s.hi = c->env->now - n;
		else
			s.lo = c->env->now - n;
	}
	q->u.span = s;
}

/* The string in UTF-8 and folded. */
static int
compile_needle(
    const struct compiler *c, struct view text, struct match_needle *out)
{
	AUTO_BUF struct buf b;
	struct view charset = c->env->charset;

	buf_init(&b, (size_t)LIMITS_LITERAL * 4);
	if (charset.n == 0 || view_eq_ci(charset, VIEW_LIT("us-ascii")))
		charset_put_guess(text, &b);
	else if (charset_to_utf8(charset, text, &b) != CHARSET_OK)
		return QUERY_CHARSET;
	if (b.failed || !match_needle_init(out, buf_view(&b), c->a))
		return QUERY_LIMIT;
	return 0;
}

static int
compile_text(
    const struct compiler *c, const struct searchkey *k, struct query *q)
{
	int r = compile_needle(c, k->u.string, &q->u.text.needle);

	q->op = k->kind == SEARCHKEY_BODY ? OP_BODY : OP_TEXT;
	q->cost = QUERY_BODY;
	if (r == 0 && q->u.text.needle.folded.n == 0)
		*q = (struct query){ .op = OP_ALL };
	return r;
}

static int
compile_header(
    const struct compiler *c, const struct searchkey *k, struct query *q)
{
	q->op = OP_HEADER;
	if (!match_field_init(&q->u.text.field, k->u.header.field, c->a))
		return QUERY_LIMIT;
	q->cost = q->u.text.field.common ? QUERY_SUMMARY : QUERY_HEADER;
	return compile_needle(c, k->u.header.string, &q->u.text.needle);
}

static int
compile(const struct compiler *c, const struct searchkey *k, struct query *q)
{
	*q = (struct query){ .op = OP_ALL };
	switch (k->kind) {
	case SEARCHKEY_ALL:
		return 0;
	case SEARCHKEY_AND:
		return compile_keys(c, k, OP_AND, q);
	case SEARCHKEY_OR:
		return compile_keys(c, k, OP_OR, q);
	case SEARCHKEY_NOT:
		return compile_keys(c, k, OP_NOT, q);
	case SEARCHKEY_FLAGS:
		return compile_flags(c, k, q);
	case SEARCHKEY_KEYWORD:
		return compile_keyword(c, k, q);
	case SEARCHKEY_SEQ:
		return compile_set(c, k, false, q);
	case SEARCHKEY_UID:
		return compile_set(c, k, true, q);
	case SEARCHKEY_LARGER:
	case SEARCHKEY_SMALLER:
	case SEARCHKEY_OLDER:
	case SEARCHKEY_YOUNGER:
		compile_number(c, k, q);
		return 0;
	case SEARCHKEY_DATE:
		compile_date(k, q);
		return 0;
	case SEARCHKEY_HEADER:
		return compile_header(c, k, q);
	case SEARCHKEY_BODY:
	case SEARCHKEY_TEXT:
		return compile_text(c, k, q);
	}
	return QUERY_LIMIT;
}

int
query_compile(const struct searchkey *key, const struct query_env *env,
    struct arena *a, struct query **out)
{
	struct compiler c = { env, a };

	if (env->charset.n > 0 &&
	    !view_eq_ci(env->charset, VIEW_LIT("us-ascii")) &&
	    !charset_is_known(env->charset))
		return QUERY_CHARSET;
	if ((*out = arena_alloc(a, sizeof(**out))) == NULL)
		return QUERY_LIMIT;
	return compile(&c, key, *out);
}

enum query_cost
query_cost(const struct query *q)
{
	return q->cost;
}

/* --- asking --- */

static bool
in_runs(const struct uid_run *run, size_t n, uint32_t uid)
{
	size_t lo = 0, end = n;

	while (lo < end) {
		size_t mid = lo + (end - lo) / 2;

		if (run[mid].hi < uid)
			lo = mid + 1;
		else
			end = mid;
	}
	return lo < n && run[lo].lo <= uid;
}

static bool
in_span(struct span s, int64_t v)
{
	return s.lo <= v && v <= s.hi;
}

static bool
has_keyword(const struct store_flags *f, unsigned k)
{
	return (f->keywords[k / 64] >> (k % 64) & 1) != 0;
}

static bool
sent_in(const struct match_message *m, struct span s)
{
	int64_t day;

	return match_sent_day(m, &day) && in_span(s, day);
}

/* A key without keys of its own. */
static bool
ask_one(const struct query *q, const struct message_row *row,
    const struct match_message *m, struct matcher *x)
{
	switch (q->op) {
	case OP_ALL:
		return true;
	case OP_NONE:
		return false;
	case OP_FLAGS:
		return (row->flags.system & q->u.flags.set) == q->u.flags.set &&
		    (row->flags.system & q->u.flags.clear) == 0;
	case OP_KEYWORD:
		return has_keyword(&row->flags, q->u.keyword);
	case OP_UIDS:
		return in_runs(q->u.uids.run, q->u.uids.n, row->uid);
	case OP_SIZE:
		return in_span(q->u.span, row->size);
	case OP_TIME:
		return in_span(q->u.span, row->date);
	case OP_DAY:
		return in_span(
		    q->u.span, date_day((struct date){ row->date, row->zone }));
	case OP_SENT:
		return sent_in(m, q->u.span);
	case OP_HEADER:
		return match_header(x, m, &q->u.text.field, &q->u.text.needle);
	case OP_BODY:
	case OP_TEXT:
		return match_text(x, m, q->op == OP_TEXT, &q->u.text.needle);
	case OP_AND:
	case OP_OR:
	case OP_NOT:
		break;
	}
	assert(q->n == 0);
	return false;
}

enum query_answer
query_ask(const struct query *q, enum query_cost cost,
    const struct message_row *row, const struct match_message *m,
    struct matcher *x)
{
	enum query_answer stop = q->op == OP_OR ? QUERY_YES : QUERY_NO;
	enum query_answer all = q->op == OP_OR ? QUERY_NO : QUERY_YES;

	if (q->op == OP_NOT) {
		enum query_answer r = query_ask(q->keys, cost, row, m, x);

		if (r == QUERY_LATER)
			return r;
		return r == QUERY_YES ? QUERY_NO : QUERY_YES;
	}
	if (q->op != OP_AND && q->op != OP_OR) {
		if (q->cost > cost)
			return QUERY_LATER;
		return ask_one(q, row, m, x) ? QUERY_YES : QUERY_NO;
	}
	for (size_t i = 0; i < q->n; i++) {
		enum query_answer r = query_ask(&q->keys[i], cost, row, m, x);

		if (r == stop)
			return stop;
		if (r == QUERY_LATER)
			all = QUERY_LATER;
	}
	return all;
}

/* --- which messages --- */

/* Both sorted; at most n + m runs come out. */
static size_t
intersect(const struct uid_run *a, size_t n, const struct uid_run *b, size_t m,
    struct uid_run *out)
{
	size_t i = 0, j = 0, k = 0;

	while (i < n && j < m) {
		uint32_t lo = a[i].lo > b[j].lo ? a[i].lo : b[j].lo;
		uint32_t hi = a[i].hi < b[j].hi ? a[i].hi : b[j].hi;

		if (lo <= hi)
			out[k++] = (struct uid_run){ lo, hi };
		if (a[i].hi < b[j].hi)
			i++;
		else
			j++;
	}
	return k;
}

static bool
narrow(const struct query *q, struct arena *a, struct uid_run **runs, size_t *n)
{
	struct uid_run *out;

	if (q->op == OP_AND) {
		for (size_t i = 0; i < q->n; i++)
			if (!narrow(&q->keys[i], a, runs, n))
				return false;
		return true;
	}
	if (q->op == OP_NONE)
		*n = 0;
	if (q->op != OP_UIDS || *n == 0)
		return true;
	out = arena_alloc(a, (*n + q->u.uids.n) * sizeof(*out));
	if (out == NULL)
		return false;
	*n = intersect(*runs, *n, q->u.uids.run, q->u.uids.n, out);
	*runs = out;
	return true;
}

bool
query_candidates(const struct query *q, const struct uid_run *known, size_t n,
    struct arena *a, struct uid_run **runs, size_t *n_runs)
{
	*n_runs = n;
	*runs = NULL;
	if (n == 0)
		return true;
	if ((*runs = arena_alloc(a, n * sizeof(**runs))) == NULL)
		return false;
	memcpy(*runs, known, n * sizeof(**runs));
	return narrow(q, a, runs, n_runs);
}
