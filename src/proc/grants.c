#include "proc/grants.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/hash.h"
#include "base/mem.h"

/*
 * A hash by id, and a list in the order of arrival. Since nothing is kept
 * longer than its life, what is old is found at the head of the list, give or
 * take a grant that auth made shorter, which grants_take() looks at anyway.
 */
struct held {
	TAILQ_ENTRY(held) link;
	struct grant grant;
};

struct grants {
	struct hash *by_id;
	TAILQ_HEAD(, held) list;
};

static struct view
id_view(const uint8_t id[MSG_GRANT_SIZE])
{
	return (struct view){ id, MSG_GRANT_SIZE };
}

struct grants *
grants_new(void)
{
	struct grants *g = xcalloc(1, sizeof(*g));

	g->by_id = hash_new(MSG_GRANT_HELD_MAX);
	TAILQ_INIT(&g->list);
	return g;
}

static void
drop(struct grants *g, struct held *h)
{
	(void)hash_del(g->by_id, id_view(h->grant.m.id));
	TAILQ_REMOVE(&g->list, h, link);
	explicit_bzero(h, sizeof(*h));
	free(h);
}

void
grants_free(struct grants **g)
{
	if (*g == NULL)
		return;
	while (!TAILQ_EMPTY(&(*g)->list))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		drop(*g, TAILQ_FIRST(&(*g)->list));
	hash_free(&(*g)->by_id);
	free(*g);
	*g = NULL;
}

static void
drop_expired(struct grants *g, uint64_t now_ms)
{
	struct held *h;

	while ((h = TAILQ_FIRST(&g->list)) != NULL &&
	    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	    h->grant.m.expires_ms <= now_ms)
		drop(g, h);
}

/* Copy, with the views into the copy. */
static void
copy(struct grant *to, const struct msg_grant *m)
{
	assert(m->account.n <= sizeof(to->account));
	assert(m->path.n <= sizeof(to->path));
	to->m = *m;
	memcpy(to->account, m->account.p, m->account.n);
	memcpy(to->path, m->path.p, m->path.n);
	to->m.account.p = to->account;
	to->m.path.p = to->path;
}

bool
grants_add(struct grants *g, const struct msg_grant *m, uint64_t now_ms)
{
	struct held *h;

	drop_expired(g, now_ms);
	if (m->expires_ms <= now_ms ||
	    hash_get(g->by_id, id_view(m->id)) != NULL)
		return false;
	h = xcalloc(1, sizeof(*h));
	copy(&h->grant, m);
	if (h->grant.m.expires_ms > now_ms + MSG_GRANT_LIFE_MS)
		h->grant.m.expires_ms = now_ms + MSG_GRANT_LIFE_MS;
	if (!hash_put(g->by_id, id_view(h->grant.m.id), h)) {
		free(h);
		return false;
	}
	TAILQ_INSERT_TAIL(&g->list, h, link);
	return true;
}

bool
grants_take(struct grants *g, const uint8_t id[MSG_GRANT_SIZE], uint64_t now_ms,
    struct grant *out)
{
	struct held *h = hash_get(g->by_id, id_view(id));
	bool good;

	if (h == NULL)
		return false;
	good = h->grant.m.expires_ms > now_ms;
	copy(out, &h->grant.m);
	drop(g, h);
	return good;
}

void
grants_drop(struct grants *g, struct view account)
{
	struct held *h, *next;

	for (h = TAILQ_FIRST(&g->list); h != NULL; h = next) {
		next = TAILQ_NEXT(h, link);
		if (h->grant.m.service != MSG_SERVICE_DELIVERY &&
		    view_eq(h->grant.m.account, account))
			drop(g, h);
	}
}

size_t
grants_held(const struct grants *g)
{
	return hash_count(g->by_id);
}
