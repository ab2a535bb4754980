#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proc/lmtp.h"

/*
 * What auth has answered is remembered for a few seconds, and until auth says
 * that something has changed: a list's thousand recipients, or a flood to one,
 * cost it one question each.
 */

static size_t
make_key(const struct lmtp_path *p, uint8_t *key)
{
	size_t n = p->local_n;

	memcpy(key, p->local, n);
	key[n++] = '\0';
	for (size_t i = 0; i < p->domain.n; i++) {
		uint8_t c = p->domain.p[i];

		key[n++] = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
	}
	return n;
}

static void
drop(struct lmtp *l, struct lmtp_found *f)
{
	(void)hash_del(l->found, (struct view){ f->key, f->key_n });
	TAILQ_REMOVE(&l->founds, f, link);
	free(f);
}

void
lmtp_find_forget(struct lmtp *l)
{
	struct lmtp_found *f;

	/* NOLINTBEGIN(clang-analyzer-unix.Malloc): drop() takes it off */
	while ((f = TAILQ_FIRST(&l->founds)) != NULL)
		drop(l, f);
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
}

static void
keep(struct lmtp *l, struct view key, const struct msg_lmtp_found *m)
{
	struct lmtp_found *f = hash_get(l->found, key);

	if (f != NULL)
		drop(l, f);
	else if (hash_count(l->found) >= LMTP_FOUND_MAX)
		drop(l, TAILQ_FIRST(&l->founds));
	f = xcalloc(1, sizeof(*f) + key.n);
	memcpy(f->key, key.p, f->key_n = key.n);
	f->until_ms = loop_now_ms(l->s->loop) + LMTP_FOUND_MS;
	f->answer = m->answer;
	f->has_detail = m->has_detail;
	f->detail = m->detail;
	if (m->account.n > 0)
		memcpy(f->account, m->account.p, m->account.n);
	f->account_n = m->account.n;
	if (!hash_put(l->found, (struct view){ f->key, f->key_n }, f)) {
		free(f);
		return;
	}
	TAILQ_INSERT_TAIL(&l->founds, f, link);
}

static bool
remembered(struct lmtp *l, struct view key, struct msg_lmtp_found *out)
{
	struct lmtp_found *f = hash_get(l->found, key);

	if (f == NULL)
		return false;
	if (f->until_ms <= loop_now_ms(l->s->loop)) {
		drop(l, f);
		return false;
	}
	*out = (struct msg_lmtp_found){ .answer = f->answer,
		.account = { (const uint8_t *)f->account, f->account_n },
		.has_detail = f->has_detail,
		.detail = f->detail };
	return true;
}

static struct view
request_key(const struct lmtp_conn *c)
{
	return (struct view){ (const void *)&c->find_request,
		sizeof(c->find_request) };
}

void
lmtp_find_cancel(struct lmtp_conn *c)
{
	if (c->find_request != 0)
		(void)hash_del(c->lmtp->conn_by_request, request_key(c));
	c->find_request = 0;
}

bool
lmtp_find(
    struct lmtp_conn *c, const struct lmtp_path *p, struct msg_lmtp_found *out)
{
	struct lmtp *l = c->lmtp;
	AUTO_BUF struct buf b = peer_msg();
	uint8_t key[LMTP_LOCAL_MAX + 1 + LMTP_DOMAIN_MAX];
	struct msg_lmtp_find m = { l->next_request++, { p->local, p->local_n },
		p->domain };

	if (remembered(l, (struct view){ key, make_key(p, key) }, out))
		return true;
	*out = (struct msg_lmtp_found){ .answer = MSG_LMTP_TRY_LATER };
	msg_lmtp_find_put(&b, &m);
	if (peer_send(&l->auth, &b, -1) != 0)
		return true;
	c->find_request = m.request;
	if (!hash_put(l->conn_by_request, request_key(c), c)) {
		c->find_request = 0;
		return true;
	}
	return false;
}

bool
lmtp_find_on_found(void *ctx, struct wire *w, int *fd)
{
	struct lmtp *l = ctx;
	struct msg_lmtp_found m;
	struct lmtp_conn *c;
	uint8_t key[LMTP_LOCAL_MAX + 1 + LMTP_DOMAIN_MAX];

	(void)fd;
	if (!msg_lmtp_found_get(w, &m))
		return false;
	c = hash_get(l->conn_by_request,
	    (struct view){ (const void *)&m.request, sizeof(m.request) });
	if (c == NULL)
		return true; /* it has hung up */
	lmtp_find_cancel(c);
	if (m.detail > c->pending.path.local_n)
		return false;
	if (m.answer != MSG_LMTP_TRY_LATER)
		keep(l, (struct view){ key, make_key(&c->pending.path, key) },
		    &m);
	lmtp_transaction_found(c, &m);
	lmtp_conn_go(c);
	return true;
}

bool
lmtp_find_on_changed(void *ctx, struct wire *w, int *fd)
{
	(void)fd;
	if (!wire_end(w))
		return false;
	lmtp_find_forget(ctx);
	return true;
}

void
lmtp_find_lost(struct lmtp *l)
{
	const struct msg_lmtp_found m = { .answer = MSG_LMTP_TRY_LATER };
	struct lmtp_conn *c;
	size_t at = 0;

	lmtp_find_forget(l);
	while ((c = hash_next(l->conn_by_request, &at)) != NULL) {
		lmtp_find_cancel(c);
		lmtp_transaction_found(c, &m);
		lmtp_conn_go(c);
		at = 0;
	}
}
