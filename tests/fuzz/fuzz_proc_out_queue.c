/* The files of the queue as anything may have left them: a message that is read
 * keeps the header's promises, one that is not is set aside or left alone, and
 * the queue opens all the same; what it then writes, it reads again. */
#include <stdlib.h>

#include "../unit/store/scratch.h"
#include "base/buf.h"
#include "base/crc32c.h"
#include "base/fd.h"
#include "proc/out_queue.h"

#define NOW 1767225600

static int dir = -1;

static void
put_file(const char *name, struct view v)
{
	AUTO_CLOSE int fd =
	    openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd == -1 || fd_write(fd, v) != 0)
		abort();
}

static bool
is_there(const char *name)
{
	return faccessat(dir, name, F_OK, 0) == 0;
}

static struct out_queue *
reopen(size_t *bad)
{
	struct out_queue *q = NULL;
	struct why w = { "" };

	if (out_queue_open(dir, NOW, &q, bad, &w) != 0)
		abort();
	return q;
}

/* With sums that are right, or nothing much would be reached. */
static void
write_right(struct view head, struct view octets, struct view state)
{
	AUTO_BUF struct buf b = BUF_INIT(1 << 20);

	buf_put_str(&b, "fumiout2");
	wire_put_bytes(&b, head);
	wire_put_u32(&b, crc32c(0, head));
	buf_put(&b, octets);
	wire_put_u32(&b, crc32c(0, octets));
	put_file("x1.m", buf_view(&b));
	buf_clear(&b);
	buf_put_str(&b, "fumiost1");
	buf_put(&b, state);
	wire_put_u32(&b, crc32c(0, buf_view(&b)));
	put_file("x1.s", buf_view(&b));
}

static void
check_item(struct out_queue *q, struct out_item *i)
{
	AUTO_CLOSE int fd = out_queue_message(q, i);
	int r;

	if (fd < 0 || i->n < 1 || i->n > MSG_OUT_RECIPIENTS_MAX ||
	    msg_out_kind_name(i->kind) == NULL ||
	    i->account.n > MSG_ACCOUNT_MAX ||
	    i->sender.n > MSG_OUT_ADDRESS_MAX ||
	    (i->sender.n > 0 && !msg_out_address_ok(i->sender)))
		abort();
	for (uint32_t k = 0; k < i->n; k++) {
		const struct out_recipient *r2 = &i->to[k];

		if (!msg_out_address_ok(r2->address) ||
		    r2->state > OUT_RELAYED || r2->code > 599)
			abort();
		for (size_t at = 0; at < r2->text_n; at++)
			if (r2->text[at] < ' ' || r2->text[at] > '~')
				abort();
	}
	r = out_queue_check(i, fd);
	if (r != 0 && r != -EBADMSG)
		abort();
	if (out_queue_find(q, view_str(i->id)) != i ||
	    out_queue_first(q) != i || out_queue_count(q) != 1)
		abort();
}

static bool
same(const struct out_item *a, const struct out_item *b)
{
	bool good = a->n == b->n && a->attempts == b->attempts &&
	    a->next_s == b->next_s && a->size == b->size;

	for (uint32_t k = 0; good && k < a->n; k++)
		good = a->to[k].state == b->to[k].state &&
		    a->to[k].code == b->to[k].code &&
		    a->to[k].text_n == b->to[k].text_n &&
		    memcmp(a->to[k].text, b->to[k].text, a->to[k].text_n) == 0;
	return good;
}

/* What is noted is read again. */
static void
check_again(struct out_queue *q, struct out_item *i)
{
	struct why w = { "" };
	struct out_queue *q2;
	struct out_item copy;
	size_t bad;

	if (out_queue_note(q, i, &w) != 0)
		abort();
	copy = *i; /* as long as q lives, so do its recipients */
	copy.to = malloc(i->n * sizeof(*i->to));
	if (copy.to == NULL)
		abort();
	memcpy(copy.to, i->to, i->n * sizeof(*i->to));
	out_queue_free(&q);
	q2 = reopen(&bad);
	i = TAILQ_FIRST(out_queue_items(q2));
	if (bad != 0 || i == NULL || !same(i, &copy))
		abort();
	free(copy.to);
	if (out_queue_remove(q2, &i, &w) != 0 || is_there("x1.m") ||
	    is_there("x1.s"))
		abort();
	out_queue_free(&q2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view v = { data, size }, part[3];
	struct out_queue *q;
	struct out_item *i;
	size_t bad, n;
	char *path;

	if (size < 4)
		return 0;
	if (dir == -1) {
		dir = scratch_make(&path);
		free(path); /* it stays; each run empties it */
	}
	view_skip(&v, 4);
	for (unsigned k = 0; k < 3; k++) {
		n = k == 2 ? v.n : (size_t)data[1 + k] * 2;
		part[k] = view_sub(v, 0, n);
		view_skip(&v, part[k].n);
	}
	if ((data[0] & 1) != 0) {
		write_right(part[0], part[1], part[2]);
	} else {
		put_file("x1.m", part[0]);
		put_file("x1.s", part[1]);
	}
	if ((data[0] & 2) != 0)
		put_file("seen", part[2]);
	q = reopen(&bad);
	i = TAILQ_FIRST(out_queue_items(q));
	if (bad + out_queue_count(q) != 1 || (bad == 1) != is_there("x1.bad") ||
	    (bad == 1) == is_there("x1.m"))
		abort();
	if (i != NULL) {
		check_item(q, i);
		check_again(q, i);
	} else {
		out_queue_free(&q);
	}
	scratch_empty(dir);
	return 0;
}
