#include "imap/command.h"
#include "imap/limits.h"
#include "mail/date.h"
#include "search/query.h"
#include "tap.h"

/* The rows that are asked, by UID - 1. */
static const struct message_row rows[] = {
	{ .uid = 1, .size = 100, .date = 0, .flags = { .system = STORE_SEEN } },
	{ .uid = 2, .size = 200, .date = 86399, .zone = 60 },
	{ .uid = 3,
	    .size = 300,
	    .date = 86400,
	    .zone = -60,
	    .flags = { .system = STORE_SEEN | STORE_FLAGGED } },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const char message[] = "Subject: Hello\r\nX-A: b\r\n\r\nbody\r\n";

/* want: the answers for the three rows, 'y', 'n', or 'l' for later, at the cost
 * of the row; then all of them with the message above at hand. */
static const struct {
	const char *search, *row, *body;
} cases[] = {
	{ "ALL", "yyy", "yyy" },
	{ "SEEN", "yny", "yny" },
	{ "UNSEEN", "nyn", "nyn" },
	{ "NOT SEEN", "nyn", "nyn" },
	{ "SEEN FLAGGED", "nny", "nny" },
	{ "OR FLAGGED UNSEEN", "nyy", "nyy" },
	{ "KEYWORD nosuch", "nnn", "nnn" },
	{ "UNKEYWORD nosuch", "yyy", "yyy" },
	{ "LARGER 200", "nny", "nny" },
	{ "SMALLER 200", "ynn", "ynn" },
	{ "LARGER 9223372036854775807", "nnn", "nnn" },
	{ "ON 1-Jan-1970", "yny", "yny" }, /* the day in its own zone */
	{ "SINCE 2-Jan-1970", "nyn", "nyn" },
	{ "BEFORE 2-Jan-1970", "yny", "yny" },
	{ "OLDER 86400", "ynn", "ynn" },
	{ "YOUNGER 86400", "yyy", "yyy" },
	{ "RECENT", "nyy", "nyy" },
	{ "NEW", "nyn", "nyn" },
	{ "OLD", "ynn", "ynn" },
	{ "UID 1,3", "yny", "yny" },
	{ "NOT UID 1:2", "nny", "nny" },
	{ "BODY \"\"", "yyy", "yyy" },
	{ "SUBJECT hello", "lll", "yyy" },
	{ "BODY nosuch", "lll", "nnn" },
	{ "BODY body SEEN", "lnl", "yny" },
	{ "OR BODY nosuch SEEN", "yly", "yny" },
	{ "NOT BODY body", "lll", "nnn" },
	{ "SENTON 1-Jan-1970", "lll", "nnn" },
	{ "HEADER X-A b TEXT hello UNSEEN", "nln", "nyn" },
};

static const struct uid_run recent[] = { { 2, 9 } };

/* Sets as they stand: the ranges are the runs. */
static bool
take_set(void *ctx, const struct seqset *set, bool uid,
    const struct uid_run **runs, size_t *n)
{
	(void)ctx;
	(void)uid;
	*runs = (const struct uid_run *)set->ranges;
	*n = set->n;
	return true;
}

static struct query *
compiled(const char *search, const char *charset, struct arena *a, int *r)
{
	struct command_opts opts = { .state = COMMAND_STATE_SELECTED };
	struct query_env env = { .now = 86400,
		.charset = view_str(charset),
		.recent = recent,
		.n_recent = 1,
		.set = take_set };
	struct command *c = arena_alloc(a, sizeof(*c));
	struct query *q = NULL;
	struct why w;
	char text[256];

	snprintf(text, sizeof(text), "a SEARCH %s", search);
	if (c == NULL ||
	    command_parse(view_str(arena_strdup(a, view_str(text))), &opts, a,
		c, &w) != COMMAND_OK)
		return NULL;
	*r = query_compile(&c->u.search.key, &env, a, &q);
	return *r == QUERY_OK ? q : NULL;
}

static void
answers(const struct query *q, enum query_cost cost, char *out)
{
	struct matcher *x = matcher_new();
	struct match_message m;

	match_message_init(&m, view_str(message), (struct view){ 0 });
	for (size_t i = 0; i < ROWS; i++)
		out[i] = "nyl"[query_ask(q, cost, &rows[i], &m, x)];
	out[ROWS] = '\0';
	matcher_free(&x);
}

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_ARENA struct arena *a = arena_new(1 << 20);
		char row[ROWS + 1] = "", body[ROWS + 1] = "";
		int r = -1;
		struct query *q = compiled(cases[i].search, "", a, &r);

		if (q != NULL) {
			answers(q, QUERY_ROW, row);
			answers(q, QUERY_BODY, body);
		}
		tap_ok(strcmp(row, cases[i].row) == 0, "%s: got %s, want %s",
		    cases[i].search, row, cases[i].row);
		tap_ok(strcmp(body, cases[i].body) == 0,
		    "%s: with all at hand got %s, want %s", cases[i].search,
		    body, cases[i].body);
	}
}

static void
test_charset(void)
{
	AUTO_ARENA struct arena *a = arena_new(1 << 20);
	int r = -1;

	tap_ok(compiled("ALL", "nosuch", a, &r) == NULL && r == QUERY_CHARSET,
	    "an unknown charset is refused: %d", r);
	tap_ok(compiled("ALL", "US-ascii", a, &r) != NULL, "US-ASCII is known");
	tap_ok(compiled("BODY \"\x93\xfa\"", "Shift_JIS", a, &r) != NULL,
	    "Shift_JIS is known");
}

static void
test_limit(void)
{
	AUTO_ARENA struct arena *a = arena_new(1 << 20);
	AUTO_ARENA struct arena *small = arena_new(16);
	struct searchkey all = { .kind = SEARCHKEY_ALL };
	struct query_env env = { .set = take_set };
	struct query *q;
	int r = query_compile(&all, &env, small, &q);

	tap_ok(r == QUERY_LIMIT, "a full arena is a limit: %d", r);
	(void)a;
}

static void
test_candidates(void)
{
	static const struct {
		const char *search;
		struct uid_run want[3];
		size_t n;
	} sets[] = {
		{ "ALL", { { 1, 10 }, { 20, 30 } }, 2 },
		{ "UID 5:25", { { 5, 10 }, { 20, 25 } }, 2 },
		{ "UID 5:25 SEEN UID 9:21", { { 9, 10 }, { 20, 21 } }, 2 },
		{ "UID 11:19", { { 0, 0 } }, 0 },
		{ "OR UID 1 UID 2", { { 1, 10 }, { 20, 30 } }, 2 },
		{ "NOT UID 1", { { 1, 10 }, { 20, 30 } }, 2 },
		{ "(UID 3)", { { 3, 3 } }, 1 },
		{ "KEYWORD nosuch", { { 0, 0 } }, 0 },
	};
	static const struct uid_run known[] = { { 1, 10 }, { 20, 30 } };

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		AUTO_ARENA struct arena *a = arena_new(1 << 20);
		struct uid_run *run;
		size_t n = 99;
		int r = -1;
		struct query *q = compiled(sets[i].search, "", a, &r);
		bool ok = q != NULL &&
		    query_candidates(q, known, 2, a, &run, &n) &&
		    n == sets[i].n &&
		    (n == 0 ||
			memcmp(run, sets[i].want, n * sizeof(*run)) == 0);

		tap_ok(ok, "%s: %zu runs to ask", sets[i].search, n);
	}
}

int
main(void)
{
	test_cases();
	test_charset();
	test_limit();
	test_candidates();
	return tap_done();
}
