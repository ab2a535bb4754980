#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/mem.h"
#include "proc/lmtp.h"
#include "proc/msg_control.h"

/*
 * Small messages stay in memory and travel inside DELIVER. Once one outgrows
 * that it goes to a memfd, which all its recipients' deliveries map.
 */
#define WRITE_AT (256 * 1024)

/* ---- shares ---- */

static struct view
key_of(const struct lmtp_share *s)
{
	return (struct view){ s->key, s->key_n };
}

struct lmtp_share *
lmtp_share_ref(struct lmtp *l, const char *who)
{
	struct lmtp_share *s = hash_get(l->shares, view_str(who));

	if (s == NULL) {
		s = xcalloc(1, sizeof(*s) + strlen(who));
		s->key_n = strlen(who);
		memcpy(s->key, who, s->key_n);
		/* without room there it is one of its own, no more */
		(void)!hash_put(l->shares, key_of(s), s);
	}
	s->refs++;
	return s;
}

void
lmtp_share_unref(struct lmtp *l, struct lmtp_share **sp)
{
	struct lmtp_share *s = *sp;

	*sp = NULL;
	if (s == NULL || --s->refs > 0)
		return;
	if (hash_get(l->shares, key_of(s)) == s)
		(void)hash_del(l->shares, key_of(s));
	free(s);
}

/* May it have n octets more in its file? */
static bool
has_room(const struct lmtp_body *b, size_t n)
{
	const struct lmtp *l = b->lmtp;
	uint64_t used = l->memfd_bytes + n;

	if (used > l->memory)
		return false;
	return b->share->bytes == b->charged ||
	    b->share->bytes + n <= l->memory - used;
}

static void
charge(struct lmtp_body *b, size_t n)
{
	b->charged += n;
	b->share->bytes += n;
	b->lmtp->memfd_bytes += n;
}

static void
uncharge(struct lmtp_body *b)
{
	b->lmtp->memfd_bytes -= b->charged;
	b->share->bytes -= b->charged;
	b->charged = 0;
}

/* ---- bodies ---- */

struct lmtp_body *
lmtp_body_new(struct lmtp_conn *c)
{
	struct lmtp_body *b = xcalloc(1, sizeof(*b));

	b->lmtp = c->lmtp;
	b->share = c->share;
	b->share->refs++;
	b->refs = 1;
	b->fd = -1;
	buf_init(&b->mem, WRITE_AT + LMTP_READ);
	return b;
}

void
lmtp_body_unref(struct lmtp_body **bp)
{
	struct lmtp_body *b = *bp;

	*bp = NULL;
	if (b == NULL || --b->refs > 0)
		return;
	uncharge(b);
	lmtp_share_unref(b->lmtp, &b->share);
	fd_close(&b->fd);
	buf_fini(&b->mem);
	free(b);
}

/* What is kept of a message that is refused anyway is nothing. */
static void
give_up(struct lmtp_body *b)
{
	uncharge(b);
	fd_close(&b->fd);
	buf_fini(&b->mem);
}

static bool
flush(struct lmtp_body *b)
{
	if (!has_room(b, b->mem.n))
		return false;
	if (b->fd == -1)
		b->fd =
		    memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (b->fd == -1)
		return false;
	charge(b, b->mem.n);
	if (fd_write(b->fd, buf_view(&b->mem)) != 0)
		return false;
	buf_clear(&b->mem);
	return true;
}

void
lmtp_body_put(struct lmtp_body *b, struct view v)
{
	b->size += v.n;
	if (b->too_large || b->no_room || v.n == 0)
		return;
	b->nul = b->nul || memchr(v.p, '\0', v.n) != NULL;
	if (b->size > b->lmtp->max_message) {
		b->too_large = true;
		give_up(b);
		return;
	}
	buf_put(&b->mem, v);
	if (b->mem.n >= WRITE_AT && !flush(b)) {
		b->no_room = true;
		give_up(b);
	}
}

bool
lmtp_body_finish(struct lmtp_body *b)
{
	if (b->too_large || b->nul)
		return true; /* nobody will read it */
	if (b->no_room)
		return false;
	if (b->fd == -1 && b->mem.n <= MSG_DELIVER_INLINE_MAX)
		return true;
	if (!flush(b) || fcntl(b->fd, F_ADD_SEALS, MSG_CONTROL_SEALS) != 0) {
		b->no_room = true;
		give_up(b);
		return false;
	}
	return true;
}
