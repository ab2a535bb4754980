#ifndef SEARCH_QUERY_H
#define SEARCH_QUERY_H

#include "base/arena.h"
#include "base/attrs.h"
#include "imap/searchkey.h"
#include "search/match.h"
#include "store/account.h"

/*
 * A SEARCH (imap/searchkey.h) made ready to be asked of many messages: strings
 * folded, sets resolved, keywords looked up, and what is cheap to know put
 * before what is dear.
 */
struct query;

/* Resolve a set of the command to sorted runs of UIDs that live as long as the
 * query. False: the command cannot be done, and whoever gave this knows why. */
typedef bool query_set_fn(void *ctx, const struct seqset *set, bool uid,
    const struct uid_run **runs, size_t *n);

struct query_env {
	struct account *account; /* for its keywords; NULL: there are none */
	struct view charset;     /* of the strings; n 0: UTF-8 */
	int64_t now;             /* for OLDER and YOUNGER */
	const struct uid_run *recent; /* what is \Recent to the client */
	size_t n_recent;
	query_set_fn *set;
	void *ctx; /* of set */
};

enum query_result {
	QUERY_OK = 0,
	QUERY_CHARSET, /* charset not known here: NO [BADCHARSET] */
	QUERY_SET,     /* env->set refused */
	QUERY_LIMIT,   /* the arena is full: NO [LIMIT] */
};

/* key: borrowed as long as the query is used, as are env's sets; a: owner of
 * the query. Negative errno: the store failed. */
int query_compile(const struct searchkey *key, const struct query_env *env,
    struct arena *a, struct query **out) A_MUST_USE;

/* What must be read of a message for an answer, ascending. */
enum query_cost {
	QUERY_ROW,     /* struct message_row */
	QUERY_SUMMARY, /* the summary */
	QUERY_HEADER,  /* the header's octets */
	QUERY_BODY,    /* all octets */
};

enum query_answer { QUERY_NO, QUERY_YES, QUERY_LATER };

/*
 * Does the message match, as far as that can be known at this cost? QUERY_LATER
 * when not; at QUERY_BODY never.
 *
 * m, x  may be NULL at QUERY_ROW
 */
enum query_answer query_ask(const struct query *q, enum query_cost cost,
    const struct message_row *row, const struct match_message *m,
    struct matcher *x) A_MUST_USE;

/* The dearest that may be needed. */
enum query_cost query_cost(const struct query *q) A_MUST_USE;

/*
 * Of the n runs of known those that can match, as far as sets on the query's
 * top level say so (1:100 SEEN): *runs, sorted, in the arena. False when that is
 * full.
 */
bool query_candidates(const struct query *q, const struct uid_run *known,
    size_t n, struct arena *a, struct uid_run **runs, size_t *n_runs)
    A_MUST_USE;

#endif
