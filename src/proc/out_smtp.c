#include "proc/out_smtp.h"

#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/utf8.h"
#include "mail/mime.h"

/*
 * What the server offers is read from the replies that libcurl shows us while
 * it connects; only those behind the last EHLO count, since before TLS anybody
 * may have written them. Then each command waits for its reply: one message is
 * too short to gain by sending ahead.
 */
#define PIECE (64 * 1024) /* bytes sent at once */
#define LEAVE_MS 2000     /* for the answer to QUIT */

struct talk {
	CURL *curl;
	const struct out_smtp_mail *m;
	uint64_t end_ms; /* clock_mono_ms() */
	struct buf in;   /* octets that came and were not read yet */
	struct buf *reply;
	uint16_t code;               /* of the last reply */
	bool dsn, utf8, eight, size; /* it offers */
	bool needs_utf8, has_eight_bits;
};

/* ---- what libcurl shows ---- */

static void
keep_reply(struct talk *t, struct view line)
{
	uint64_t code;

	while (line.n > 0 &&
	    (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == '\n'))
		line.n--;
	t->code = 0;
	if (line.n >= 3 && num_parse(view_sub(line, 0, 3), 599, &code) &&
	    code >= 100)
		t->code = (uint16_t)code;
	buf_clear(t->reply);
	buf_put(t->reply, view_sub(line, 0, OUT_SMTP_REPLY_MAX));
}

static void
note_offer(struct talk *t, struct view line)
{
	struct view word = { line.p + 4, 0 };

	while (4 + word.n < line.n && line.p[4 + word.n] > ' ')
		word.n++;
	t->dsn |= view_eq_ci(word, VIEW_LIT("DSN"));
	t->utf8 |= view_eq_ci(word, VIEW_LIT("SMTPUTF8"));
	t->eight |= view_eq_ci(word, VIEW_LIT("8BITMIME"));
	t->size |= view_eq_ci(word, VIEW_LIT("SIZE"));
}

static size_t
on_reply(char *p, size_t size, size_t n, void *ctx)
{
	struct view line = { (const uint8_t *)p, size * n };
	struct talk *t = ctx;

	keep_reply(t, line);
	if (line.n > 4 && view_starts(line, VIEW_LIT("250")))
		note_offer(t, line);
	return size * n;
}

static int
on_trace(CURL *c, curl_infotype type, char *p, size_t n, void *ctx)
{
	struct talk *t = ctx;

	(void)c;
	if (type == CURLINFO_HEADER_OUT && n >= 4 && strncmp(p, "EHLO", 4) == 0)
		t->dsn = t->utf8 = t->eight = t->size = false;
	return 0;
}

/* ---- octets ---- */

static bool
await(struct talk *t, short events)
{
	curl_socket_t fd;
	struct pollfd p = { .events = events };
	uint64_t now = clock_mono_ms();

	if (now >= t->end_ms ||
	    curl_easy_getinfo(t->curl, CURLINFO_ACTIVESOCKET, &fd) !=
		CURLE_OK ||
	    fd == CURL_SOCKET_BAD)
		return false;
	p.fd = fd;
	return poll(&p, 1, (int)(t->end_ms - now)) == 1;
}

static bool
send_all(struct talk *t, struct view v)
{
	CURLcode r = CURLE_OK;
	size_t n;

	while (v.n > 0) {
		r = curl_easy_send(t->curl, v.p, v.n, &n);
		if (r == CURLE_AGAIN && await(t, POLLOUT))
			continue;
		if (r != CURLE_OK)
			break;
		view_skip(&v, n);
	}
	return v.n == 0;
}

static bool
receive(struct talk *t)
{
	uint8_t *p = buf_reserve(&t->in, 1024);
	CURLcode r;
	size_t n;

	if (p == NULL)
		return false;
	do
		r = curl_easy_recv(t->curl, p, 1024, &n);
	while (r == CURLE_AGAIN && await(t, POLLIN));
	if (r != CURLE_OK || n == 0)
		return false;
	t->in.n += n;
	return true;
}

/* A line of a reply, which may have more behind it. */
static bool
read_line(struct talk *t, bool *more)
{
	const uint8_t *lf;
	size_t n;

	while (t->in.n == 0 || (lf = memchr(t->in.p, '\n', t->in.n)) == NULL)
		if (!receive(t))
			return false;
	n = (size_t)(lf + 1 - t->in.p);
	keep_reply(t, (struct view){ t->in.p, n });
	*more = n > 3 && t->in.p[3] == '-';
	buf_consume(&t->in, n);
	return t->code != 0;
}

static bool
read_reply(struct talk *t)
{
	bool more;

	do
		if (!read_line(t, &more)) {
			t->code = 0;
			buf_clear(t->reply);
			buf_put_str(t->reply, "The connection was lost");
			return false;
		}
	while (more);
	return true;
}

/* ---- commands ---- */

/* Say it; is the reply of the kind wanted (2 or 3)? */
static enum out_smtp_result
ask(struct talk *t, const struct buf *command, unsigned kind)
{
	if (command->failed || !send_all(t, buf_view(command)) ||
	    !read_reply(t))
		return OUT_SMTP_FAILED;
	return t->code / 100 == kind ? OUT_SMTP_SENT : OUT_SMTP_REFUSED;
}

static enum out_smtp_result
say_mail(struct talk *t)
{
	static const char *const ret[] = { "", " RET=FULL", " RET=HDRS" };
	AUTO_BUF struct buf b = BUF_INIT(2048);

	buf_put_str(&b, "MAIL FROM:<");
	buf_put(&b, t->m->sender);
	buf_put_byte(&b, '>');
	if (t->size)
		buf_printf(&b, " SIZE=%zu", t->m->octets.n);
	if (t->eight && t->has_eight_bits)
		buf_put_str(&b, " BODY=8BITMIME");
	if (t->needs_utf8)
		buf_put_str(&b, " SMTPUTF8");
	if (t->dsn) {
		buf_put_str(&b, ret[t->m->dsn.ret]);
		if (t->m->dsn.envid.n > 0)
			buf_put_str(&b, " ENVID=");
		buf_put(&b, t->m->dsn.envid);
	}
	buf_put_str(&b, "\r\n");
	return ask(t, &b, 2);
}

static void
put_notify(uint8_t notify, struct buf *out)
{
	static const char *const names[] = { "NEVER", "SUCCESS", "FAILURE",
		"DELAY" };
	const char *before = " NOTIFY=";

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((notify & 1u << i) == 0)
			continue;
		buf_put_str(out, before);
		buf_put_str(out, names[i]);
		before = ",";
	}
}
_Static_assert(MSG_DELIVER_NEVER == 1 && MSG_DELIVER_SUCCESS == 2 &&
	MSG_DELIVER_FAILURE == 4 && MSG_DELIVER_DELAY == 8,
    "the order of names");

static enum out_smtp_result
say_rcpt(struct talk *t)
{
	AUTO_BUF struct buf b = BUF_INIT(2048);

	buf_put_str(&b, "RCPT TO:<");
	buf_put(&b, t->m->to);
	buf_put_byte(&b, '>');
	if (t->dsn) {
		put_notify(t->m->dsn.notify, &b);
		if (t->m->dsn.orcpt.n > 0)
			buf_put_str(&b, " ORCPT=");
		buf_put(&b, t->m->dsn.orcpt);
	}
	buf_put_str(&b, "\r\n");
	return ask(t, &b, 2);
}

static enum out_smtp_result
say_data(struct talk *t)
{
	AUTO_BUF struct buf b = BUF_INIT(16);

	buf_put_str(&b, "DATA\r\n");
	return ask(t, &b, 3);
}

/* With a dot more in front of lines that begin with one, and one at the end
 * (RFC 5321 section 4.5.2). */
static enum out_smtp_result
say_octets(struct talk *t)
{
	AUTO_BUF struct buf b = BUF_INIT(PIECE + 16);
	struct view v = t->m->octets;
	bool start = true;

	for (size_t i = 0; i < v.n; i++) {
		if (start && v.p[i] == '.')
			buf_put_byte(&b, '.');
		buf_put_byte(&b, v.p[i]);
		start = v.p[i] == '\n' && i > 0 && v.p[i - 1] == '\r';
		if (b.n < PIECE)
			continue;
		if (!send_all(t, buf_view(&b)))
			return OUT_SMTP_FAILED;
		buf_clear(&b);
	}
	buf_put_str(&b, start ? ".\r\n" : "\r\n.\r\n");
	return ask(t, &b, 2);
}

/* ---- what a message needs ---- */

static bool
is_utf8(struct view v)
{
	return !utf8_ascii(v) && utf8_valid(v);
}

/* An internationalised message (RFC 6531 section 3.5, RFC 6532): one with UTF-8
 * in a header, be it that of a part. Octets of old charsets there are none, and a
 * message that is a part, as in a report, is content. */
static bool
has_utf8_header(struct view octets)
{
	struct arena *a = arena_new(MIME_ARENA_MAX);
	const struct mime_part *p = mime_parse(octets, a);
	bool found = false;

	while (p != NULL && !found) {
		found = is_utf8(mime_header(octets, p));
		if (p->kind == MIME_MULTIPART && p->child != NULL) {
			p = p->child;
			continue;
		}
		while (p != NULL && p->next == NULL)
			p = p->parent;
		p = p != NULL ? p->next : NULL;
	}
	arena_free(&a);
	return found;
}

static bool
has_utf8_address(const struct out_smtp_mail *m)
{
	return !utf8_ascii(m->sender) || !utf8_ascii(m->to);
}

bool
out_smtp_needed(const struct out_smtp_mail *m)
{
	return msg_deliver_dsn_any(&m->dsn) || !utf8_ascii(m->octets) ||
	    has_utf8_address(m);
}

/* ---- all of it ---- */

static enum out_smtp_result
converse(struct talk *t)
{
	static enum out_smtp_result (*const steps[])(
	    struct talk *) = { say_mail, say_rcpt, say_data, say_octets };
	enum out_smtp_result r = OUT_SMTP_SENT;

	for (size_t i = 0; i < 4 && r == OUT_SMTP_SENT; i++)
		r = steps[i](t);
	if (r == OUT_SMTP_FAILED && t->reply->n == 0)
		buf_put_str(t->reply, "The connection was lost");
	return r;
}

static void
configure(struct talk *t, struct curl_slist *names, uint64_t timeout_ms)
{
	(void)curl_easy_setopt(t->curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	(void)curl_easy_setopt(t->curl, CURLOPT_CONNECT_ONLY, 1L);
	(void)curl_easy_setopt(t->curl, CURLOPT_RESOLVE, names);
	(void)curl_easy_setopt(t->curl, CURLOPT_MAIL_FROM, NULL);
	(void)curl_easy_setopt(t->curl, CURLOPT_MAIL_RCPT, NULL);
	(void)curl_easy_setopt(t->curl, CURLOPT_HEADERFUNCTION, on_reply);
	(void)curl_easy_setopt(t->curl, CURLOPT_HEADERDATA, t);
	(void)curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, on_reply);
	(void)curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t);
	(void)curl_easy_setopt(t->curl, CURLOPT_DEBUGFUNCTION, on_trace);
	(void)curl_easy_setopt(t->curl, CURLOPT_DEBUGDATA, t);
	(void)curl_easy_setopt(t->curl, CURLOPT_VERBOSE, 1L);
}

static enum out_smtp_result
connect_and_converse(struct talk *t)
{
	CURLcode r = curl_easy_perform(t->curl);

	if (r != CURLE_OK) {
		if (t->code < 400) {
			buf_clear(t->reply);
			buf_put_str(t->reply, curl_easy_strerror(r));
			t->code = 0;
		}
		return OUT_SMTP_FAILED;
	}
	t->needs_utf8 |= t->dsn && !utf8_ascii(t->m->dsn.orcpt);
	if (t->needs_utf8 && !t->utf8) {
		t->code = 0;
		buf_clear(t->reply);
		buf_put_str(t->reply,
		    "5.6.7 The next server does not take UTF-8 in addresses "
		    "and headers");
		return OUT_SMTP_NO_UTF8;
	}
	return converse(t);
}

/* libcurl does not for such a connection. What is answered matters to nobody. */
static void
leave(struct talk *t)
{
	uint64_t end = clock_mono_ms() + LEAVE_MS;

	if (t->end_ms > end)
		t->end_ms = end;
	if (send_all(t, VIEW_LIT("QUIT\r\n")))
		(void)receive(t);
}

enum out_smtp_result
out_smtp_send(CURL *settings, struct curl_slist *names,
    const struct out_smtp_mail *m, uint64_t timeout_ms, uint16_t *code,
    struct buf *reply)
{
	struct talk t = { .m = m,
		.end_ms = clock_mono_ms() + timeout_ms,
		.reply = reply,
		.curl = curl_easy_duphandle(settings),
		.has_eight_bits = !utf8_ascii(m->octets) };
	enum out_smtp_result r = OUT_SMTP_FAILED;

	t.needs_utf8 = has_utf8_address(m) ||
	    (m->utf8 && t.has_eight_bits && has_utf8_header(m->octets));
	buf_clear(reply);
	buf_init(&t.in, OUT_SMTP_LINE_MAX);
	if (t.curl != NULL) {
		configure(&t, names, timeout_ms);
		r = connect_and_converse(&t);
		if (r != OUT_SMTP_FAILED)
			leave(&t);
		curl_easy_cleanup(t.curl);
	}
	buf_fini(&t.in);
	*code = t.code;
	return r == OUT_SMTP_SENT && !t.dsn ? OUT_SMTP_SENT_WITHOUT_DSN : r;
}
