#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/random.h"
#include "session/filter.h"
#include "session/hub.h"
#include "session/pop3_inside.h"

/*
 * The message is taken octet by octet into a file in memory, which no limit of
 * ours on the heap counts; only its header is held until it is whole. Lines get
 * CRLF for whatever ended them, so that nothing in it can look like the end of a
 * message to the next server.
 *
 * It is submitted like a redirect. The same octets are the same message, so a
 * client that did not hear the answer may say it again; without Date or
 * Message-ID they may be meant twice.
 */
#define PIECE (64 * 1024)
#define ARENA_BYTES ((size_t)4 << 20)

enum place {
	START,  /* of a line */
	DOT,    /* a dot is all of the line so far */
	DOT_CR, /* and a CR */
	TEXT,
	CR, /* that may end the line */
};

static void
fail(struct pop3_xmitting *x, enum pop3_text text)
{
	if (!x->failed)
		x->text = text;
	x->failed = true;
}

/* ---- what is sent ---- */

static void
write_out(struct pop3 *p, struct view v)
{
	struct pop3_xmitting *x = p->xmitting;

	x->size += v.n;
	if (x->size > p->set->xmit->max_message)
		fail(x, POP3_TEXT_XMIT_LARGE);
	if (!x->failed && fd_write(x->fd, v) != 0)
		fail(x, POP3_TEXT_XMIT_LATER);
}

static void
flush_piece(struct pop3 *p)
{
	struct pop3_xmitting *x = p->xmitting;

	if (x->failed || x->piece.n == 0)
		return;
	digest_sha256_add(&x->digest, buf_view(&x->piece));
	write_out(p, buf_view(&x->piece));
	buf_clear(&x->piece);
}

/* The account's address. */
static void
put_user(const struct pop3 *p, struct buf *out)
{
	const struct view user = p->c.env->user;

	buf_put(out, user);
	if (user.n > 0 && memchr(user.p, '@', user.n) != NULL)
		return;
	buf_put_byte(out, '@');
	buf_put(out, p->set->xmit->host);
}

static int
zone_at(int64_t s)
{
	time_t at = (time_t)s;
	struct tm tm = { 0 };

	(void)localtime_r(&at, &tm);
	return (int)(tm.tm_gmtoff / 60);
}

/* The header is whole. */
static void
take_header(struct pop3 *p)
{
	static const enum pop3_text texts[] = {
		[XMIT_NOBODY] = POP3_TEXT_XMIT_NOBODY,
		[XMIT_MANY] = POP3_TEXT_XMIT_MANY,
		[XMIT_ADDRESS] = POP3_TEXT_XMIT_ADDRESS,
		[XMIT_TOO_LARGE] = POP3_TEXT_XMIT_LARGE,
	};
	struct pop3_xmitting *x = p->xmitting;
	AUTO_BUF struct buf user = BUF_INIT(1024);
	AUTO_BUF struct buf octets = BUF_INIT(XMIT_HEADER_MAX + 4096);
	struct xmit_env e = { .host = p->set->xmit->host,
		.remote = p->c.env->remote,
		.now = clock_wall_s(),
		.unique = random_u64() };
	enum xmit_result r;

	put_user(p, &user);
	e.user = buf_view(&user);
	e.zone = zone_at(e.now);
	digest_sha256_add(&x->digest, buf_view(&x->header));
	r = xmit_header(&e, buf_view(&x->header), x->arena, &x->x, &octets);
	if (r != XMIT_OK)
		fail(x, texts[r]);
	else
		write_out(p, buf_view(&octets));
	x->in_body = true;
	buf_fini(&x->header);
}

static void
put_body(struct pop3 *p, uint8_t c)
{
	struct pop3_xmitting *x = p->xmitting;

	buf_put_byte(&x->piece, c);
	if (x->piece.n == PIECE)
		flush_piece(p);
}

/* The last line is no header line: with it the body begins. */
static void
end_header_before(struct pop3 *p)
{
	struct pop3_xmitting *x = p->xmitting;
	struct view line = view_sub(buf_view(&x->header), x->line, SIZE_MAX);
	AUTO_BUF struct buf first = BUF_INIT(XMIT_HEADER_MAX);

	buf_put(&first, line);
	x->header.n = x->line;
	take_header(p);
	for (size_t i = 0; i < first.n && !x->failed; i++)
		put_body(p, first.p[i]);
}

/* A line of the header is whole. */
static void
take_line(struct pop3 *p)
{
	struct pop3_xmitting *x = p->xmitting;
	struct view line = view_sub(buf_view(&x->header), x->line, SIZE_MAX);

	if (view_eq(line, VIEW_LIT("\r\n")))
		take_header(p);
	else if (!xmit_is_header(line, x->line == 0))
		end_header_before(p);
	else
		x->line = x->header.n;
}

static void
put_octet(struct pop3 *p, uint8_t c)
{
	struct pop3_xmitting *x = p->xmitting;

	if (x->failed)
		return;
	if (x->in_body) {
		put_body(p, c);
		return;
	}
	buf_put_byte(&x->header, c);
	if (x->header.failed)
		fail(x, POP3_TEXT_XMIT_LARGE);
	else if (c == '\n')
		take_line(p);
}

static void
put_line_end(struct pop3 *p)
{
	put_octet(p, '\r');
	put_octet(p, '\n');
}

/* ---- lines ---- */

/* The next octet; true: it ends the message. */
static bool
take_octet(struct pop3 *p, uint8_t c)
{
	struct pop3_xmitting *x = p->xmitting;

	switch ((enum place)x->at) {
	case START:
		if (c == '.') {
			x->at = DOT;
			return false;
		}
		break;
	case DOT:
		if (c == '\n')
			return true;
		if (c == '\r') {
			x->at = DOT_CR;
			return false;
		}
		break;
	case DOT_CR:
	case CR:
		if (c == '\n' && x->at == DOT_CR)
			return true;
		put_line_end(p);
		x->at = c == '\n' ? START : TEXT;
		if (c == '\n')
			return false;
		break;
	case TEXT:
		break;
	}
	x->at = c == '\r' ? CR : c == '\n' ? START : TEXT;
	if (c == '\n')
		put_line_end(p);
	else if (c != '\r')
		put_octet(p, c);
	return false;
}

/* ---- the answer ---- */

static void
refused(struct pop3 *p, const char *text)
{
	buf_printf(&p->c.out.b, "-ERR %s: %s\r\n",
	    pop3_text(POP3_TEXT_XMIT_REFUSED, p->language), text);
}

/* What out says to the submission of this number. */
static void
answer(struct pop3 *p, uint64_t until)
{
	char text[HUB_TEXT_MAX + 1];
	struct hub_answer a = { .said = false };

	while (clock_mono_ms() < until) {
		enum hub_news news = hub_wait(p->c.env->hub, until, text, &a);

		p->c.changed |= news == HUB_NEWS;
		if (news == HUB_STOP && p->c.stop)
			break; /* it is gone */
		p->c.stop |= news == HUB_STOP;
		if (a.said && a.number == p->submitted)
			break;
		a.said = false;
	}
	if (!a.said || a.result == HUB_LATER)
		pop3_err(p, POP3_TEXT_XMIT_LATER);
	else if (a.result == HUB_QUEUED)
		pop3_ok(p, POP3_TEXT_XMIT_SENT);
	else
		refused(p, a.text);
}

static void
log_submission(struct pop3 *p)
{
	const struct pop3_xmitting *x = p->xmitting;
	struct log_line l;

	log_begin(&l, p->c.log, LOG_MAJOR, "submitted");
	log_view(&l, "user", p->c.env->user);
	log_u64(&l, "recipients", x->x.n);
	log_u64(&l, "size", x->size);
	log_end(&l);
}

static bool
submit(struct pop3 *p, struct view octets, uint64_t until)
{
	struct pop3_xmitting *x = p->xmitting;
	AUTO_BUF struct buf user = BUF_INIT(1024);
	uint8_t sum[DIGEST_SHA256_SIZE];
	struct filter_out o = { .kind = FILTER_SUBMISSION,
		.to = x->x.to,
		.n = x->x.n,
		.octets = octets };

	put_user(p, &user);
	o.sender = buf_view(&user);
	digest_sha256_end(&x->digest, sum);
	if (x->x.is_named)
		memcpy(o.key, sum, sizeof(o.key));
	return p->set->xmit->submit(p->c.env->hub, ++p->submitted, &o, until);
}

static void
finish(struct pop3 *p)
{
	struct pop3_xmitting *x = p->xmitting;
	uint64_t until = clock_mono_ms() + POP3_XMIT_MS;
	void *map = MAP_FAILED;
	bool asked = false;

	if (!x->in_body && !x->failed)
		take_header(p);
	flush_piece(p);
	if (!x->failed)
		map = mmap(
		    NULL, (size_t)x->size, PROT_READ, MAP_PRIVATE, x->fd, 0);
	if (map != MAP_FAILED) {
		asked = submit(p, (struct view){ map, (size_t)x->size }, until);
		(void)munmap(map, (size_t)x->size);
	}
	if (!asked) {
		fail(x, POP3_TEXT_XMIT_LATER);
		pop3_err(p, x->text);
	} else {
		log_submission(p);
		answer(p, until);
	}
	pop3_xmit_fini(p);
}

/* ---- its life ---- */

void
pop3_xmit_begin(struct pop3 *p)
{
	struct pop3_xmitting *x;
	int fd;

	if (p->set->xmit->submit == NULL || p->c.env->hub < 0) {
		pop3_err(p, POP3_TEXT_XMIT_NO_WAY);
		return;
	}
	if ((fd = memfd_create("message", MFD_CLOEXEC)) == -1) {
		pop3_err(p, POP3_TEXT_XMIT_LATER);
		return;
	}
	if (p->submitted == 0) /* a late answer to the client before is none */
		p->submitted = random_u64();
	p->xmitting = x = xcalloc(1, sizeof(*x));
	x->fd = fd;
	x->at = START;
	buf_init(&x->header, XMIT_HEADER_MAX);
	buf_init(&x->piece, PIECE);
	x->arena = arena_new(ARENA_BYTES);
	digest_sha256_init(&x->digest);
	pop3_ok(p, POP3_TEXT_XMIT_SEND);
}

void
pop3_xmit_take(struct pop3 *p)
{
	struct view *in = &p->c.input;
	bool end = false;

	while (in->n > 0 && !end) {
		end = take_octet(p, in->p[0]);
		view_skip(in, 1);
	}
	if (end)
		finish(p);
}

void
pop3_xmit_fini(struct pop3 *p)
{
	struct pop3_xmitting *x = p->xmitting;

	if (x == NULL)
		return;
	fd_close(&x->fd);
	buf_fini(&x->header);
	buf_fini(&x->piece);
	arena_free(&x->arena);
	free(x);
	p->xmitting = NULL;
}
