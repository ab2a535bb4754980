#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "proc/lmtp.h"
#include "proc/settings.h"

/*
 * What the commands do (RFC 2033 section 4, RFC 5321 section 4.1.1). Each
 * recipient gets an answer of its own behind the message, in the order of the
 * RCPT commands, whichever delivery is first.
 */

#define REPLY_ADDRESS_MAX 240 /* bytes of an address that is repeated */
#define REPLY_MAX                                                              \
	(MSG_DELIVER_TEXT_MAX + LMTP_PATH_MAX +                                \
	    MSG_DELIVER_LINES_MAX * (MSG_DELIVER_STATUS_MAX + 8))

/* ---- small things ---- */

static char *
copy(struct view v)
{
	char *p = xmalloc(v.n + 1);

	if (v.n > 0)
		memcpy(p, v.p, v.n);
	p[v.n] = '\0';
	return p;
}

static void
put_text(char *to, size_t max, struct view v)
{
	size_t n = v.n < max ? v.n : max;

	if (n > 0)
		memcpy(to, v.p, n);
	to[n] = '\0';
}

static void
free_rcpt(struct lmtp_rcpt *r)
{
	free(r->account);
	free(r->text);
	free(r->detail);
	free(r->orcpt);
	free(r->answer);
}

void
lmtp_transaction_reset(struct lmtp_conn *c)
{
	for (size_t i = 0; i < c->rcpts; i++)
		free_rcpt(&c->rcpt[i]);
	c->lmtp->recipients -= c->rcpts;
	c->rcpts = c->answered = c->delivering = 0;
	c->mail = c->smtputf8 = false;
	c->sender[0] = c->envid[0] = c->auth[0] = '\0';
	c->ret = 0;
	c->data = (struct lmtp_data){ 0 };
	lmtp_body_unref(&c->body);
	c->at = LMTP_AT_COMMAND;
}

static void
say_bad(struct lmtp_conn *c, const char *code, const char *text)
{
	if (++c->errors > LMTP_ERRORS_MAX)
		lmtp_conn_bye(c, "421 4.7.0", "Too many errors");
	else
		lmtp_conn_say(c, code, "%s", text);
}

/* ---- greeting ---- */

static void
do_lhlo(struct lmtp_conn *c, const struct lmtp_command *m)
{
	lmtp_transaction_reset(c);
	put_text(c->name, LMTP_DOMAIN_MAX, m->text);
	c->dsn = c->lmtp->dsn;
	buf_printf(&c->out,
	    "250-%s\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
	    "250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n%s"
	    "250 SIZE %llu\r\n",
	    c->lmtp->host, c->dsn ? "250-DSN\r\n" : "",
	    (unsigned long long)c->lmtp->max_message);
}

/* ---- envelope ---- */

static bool
utf8_ok(struct lmtp_conn *c, const struct lmtp_path *p)
{
	if (!p->utf8 || c->smtputf8)
		return true;
	say_bad(c, "553 5.6.7", "Such an address needs SMTPUTF8");
	return false;
}

/* Nobody who takes it for granted shall wait for reports that never come. */
static bool
dsn_ok(struct lmtp_conn *c, const struct lmtp_command *m)
{
	if (c->dsn ||
	    (m->ret == LMTP_RET_NONE && m->envid.n == 0 && m->notify == 0 &&
		m->orcpt.n == 0))
		return true;
	say_bad(c, "555 5.5.4", "DSN was not offered");
	return false;
}

static void
do_mail(struct lmtp_conn *c, const struct lmtp_command *m)
{
	if (c->name[0] == '\0') {
		say_bad(c, "503 5.5.1", "Say LHLO first");
		return;
	}
	if (c->mail) {
		say_bad(c, "503 5.5.1", "There is a sender already");
		return;
	}
	if (m->size > c->lmtp->max_message) {
		say_bad(c, "552 5.3.4", "The message is too large");
		return;
	}
	if (!dsn_ok(c, m))
		return;
	c->smtputf8 = m->smtputf8;
	if (!utf8_ok(c, &m->path))
		return;
	c->mail = true;
	c->ret = (uint8_t)m->ret;
	put_text(c->sender, LMTP_PATH_MAX, m->path.text);
	put_text(c->envid, LMTP_ENVID_MAX, m->envid);
	lmtp_command_auth(m->auth, c->auth);
	lmtp_conn_say(c, "250 2.1.0", "Sender taken");
}

static struct lmtp_rcpt *
add_rcpt(struct lmtp_conn *c)
{
	if (c->rcpts == c->rcpts_cap) {
		size_t cap = c->rcpts_cap == 0 ? 4 : 2 * c->rcpts_cap;
		struct lmtp_rcpt *more = xcalloc(cap, sizeof(*more));

		if (c->rcpts > 0)
			memcpy(more, c->rcpt, c->rcpts * sizeof(*more));
		free(c->rcpt);
		c->rcpt = more;
		c->rcpts_cap = cap;
	}
	c->lmtp->recipients++;
	return &c->rcpt[c->rcpts++];
}

static void
accept_rcpt(struct lmtp_conn *c, const struct lmtp_command *m,
    const struct msg_lmtp_found *f)
{
	const struct lmtp_path *p = &m->path;
	const struct view detail = { p->local + p->local_n - f->detail,
		f->detail };

	*add_rcpt(c) = (struct lmtp_rcpt){ .account = copy(f->account),
		.account_n = f->account.n,
		.text = copy(p->text),
		.text_n = p->text.n,
		.detail = copy(detail),
		.detail_n = detail.n,
		.has_detail = f->has_detail,
		.orcpt = copy(m->orcpt),
		.orcpt_n = m->orcpt.n,
		.notify = m->notify };
	lmtp_conn_say(c, "250 2.1.5", "Recipient taken");
}

static void
say_disabled(struct lmtp_conn *c)
{
	if (conf_enum(c->lmtp->s->conf, "delivery", NULL, "disabled") ==
	    SETTINGS_DISABLED_LATER)
		lmtp_conn_say(c, "450 4.2.1", "The account is disabled");
	else
		lmtp_conn_say(c, "550 5.2.1", "The account is disabled");
}

static void
found(struct lmtp_conn *c, const struct lmtp_command *m,
    const struct msg_lmtp_found *f)
{
	switch ((enum msg_lmtp_answer)f->answer) {
	case MSG_LMTP_YES:
		accept_rcpt(c, m, f);
		return;
	case MSG_LMTP_UNKNOWN:
		lmtp_conn_say(c, "550 5.1.1", "There is no such account");
		return;
	case MSG_LMTP_DISABLED:
		say_disabled(c);
		return;
	case MSG_LMTP_TRY_LATER:
		break;
	}
	lmtp_conn_say(c, "451 4.3.0", "Accounts cannot be looked up now");
}

void
lmtp_transaction_found(struct lmtp_conn *c, const struct msg_lmtp_found *f)
{
	c->at = LMTP_AT_COMMAND;
	found(c, &c->pending, f);
}

static void
do_rcpt(struct lmtp_conn *c, struct view line, const struct lmtp_command *m)
{
	struct msg_lmtp_found f;

	if (!c->mail || c->body != NULL) {
		say_bad(c, "503 5.5.1", "Say MAIL first");
		return;
	}
	if (c->rcpts >= LMTP_RECIPIENTS_MAX ||
	    c->lmtp->recipients >= LMTP_RECIPIENTS_ALL) {
		lmtp_conn_say(c, "452 4.5.3", "Too many recipients");
		return;
	}
	if (m->path.local_n == 0) {
		say_bad(c, "501 5.1.3", "There is no recipient");
		return;
	}
	if (!utf8_ok(c, &m->path) || !dsn_ok(c, m))
		return;
	if (!c->smtputf8 && !utf8_ascii(m->orcpt)) {
		say_bad(c, "501 5.5.4", "Such an ORCPT needs SMTPUTF8");
		return;
	}
	/* the command must outlive the line, should auth be asked */
	memcpy(c->pending_line, line.p, line.n);
	if (lmtp_command_parse((struct view){ c->pending_line, line.n },
		&c->pending) != LMTP_OK)
		return;
	if (lmtp_find(c, &c->pending.path, &f))
		found(c, &c->pending, &f);
	else
		c->at = LMTP_AT_FIND;
}

/* ---- message ---- */

static bool
has_envelope(const struct lmtp_conn *c)
{
	return c->mail && c->rcpts > 0;
}

/* Who sends ahead cannot know that all were refused, and this is the answer that
 * RFC 2033 section 4.2 prescribes then: no error of the client's. */
static void
say_no_recipient(struct lmtp_conn *c)
{
	lmtp_conn_say(c, "503 5.5.1", "There is no recipient");
}

static void
do_data(struct lmtp_conn *c)
{
	if (!c->mail || c->body != NULL) {
		say_bad(c, "503 5.5.1", "Say MAIL and RCPT first");
		return;
	}
	if (c->rcpts == 0) {
		say_no_recipient(c);
		return;
	}
	c->body = lmtp_body_new(c);
	c->data = (struct lmtp_data){ 0 };
	c->at = LMTP_AT_DATA;
	buf_put_str(&c->out, "354 End it with CR LF . CR LF\r\n");
}

/* The octets of a chunk come whatever we say (RFC 3030 section 2). */
static void
do_bdat(struct lmtp_conn *c, const struct lmtp_command *m)
{
	c->chunk = m->chunk;
	c->chunk_last = m->last;
	c->chunk_dropped = !has_envelope(c);
	if (!c->chunk_dropped && c->body == NULL)
		c->body = lmtp_body_new(c);
	c->at = LMTP_AT_CHUNK;
}

void
lmtp_transaction_chunk(struct lmtp_conn *c)
{
	c->at = LMTP_AT_COMMAND;
	if (c->chunk_dropped && c->mail)
		say_no_recipient(c);
	else if (c->chunk_dropped)
		say_bad(c, "503 5.5.1", "Say MAIL and RCPT first");
	else if (c->chunk_last)
		lmtp_transaction_deliver(c);
	else
		lmtp_conn_say(c, "250 2.0.0", "Chunk taken");
}

/* ---- delivering ---- */

/* "Received" (RFC 5321 section 4.4), with the keyword of RFC 3848 or RFC 6531
 * section 3.7.3. */
static void
make_trace(
    const struct lmtp_conn *c, const struct lmtp_rcpt *r, struct buf *out)
{
	buf_printf(out, "Received: from %s", c->name);
	if (c->remote[0] != '\0')
		buf_printf(out,
		    strchr(c->remote, ':') != NULL ? " ([IPv6:%s])" : " ([%s])",
		    c->remote);
	buf_printf(out, "\r\n\tby %s with %s id %s\r\n\tfor <", c->lmtp->host,
	    c->smtputf8 ? "UTF8LMTP" : "LMTP", c->message_id);
	buf_put(out, (struct view){ (uint8_t *)r->text, r->text_n });
	buf_printf(out, ">;\r\n\t%s\r\n", lmtp_date(c->lmtp));
}

static void
make_packet(const struct lmtp_conn *c, const struct lmtp_rcpt *r,
    struct lmtp_delivery *d)
{
	AUTO_BUF struct buf trace = BUF_INIT(MSG_DELIVER_TRACE_MAX);
	struct msg_deliver m = { .delivery = d->number,
		.sender = view_str(c->sender),
		.recipient = { (uint8_t *)r->text, r->text_n },
		.detail = { (uint8_t *)r->detail, r->detail_n },
		.has_detail = r->has_detail,
		.utf8 = c->smtputf8,
		.lmtp = true,
		.dsn = { .ret = c->ret,
		    .notify = r->notify,
		    .envid = view_str(c->envid),
		    .orcpt = { (uint8_t *)r->orcpt, r->orcpt_n } },
		.auth = view_str(c->auth) };

	make_trace(c, r, &trace);
	m.trace = buf_view(&trace);
	buf_init(&d->packet, MSG_TYPE_SIZE + MSG_DELIVER_MAX);
	msg_deliver_put(&d->packet, &m);
	d->packet.n -= 4; /* the octets are put when it is sent */
}

static void
deliver_one(struct lmtp_conn *c, size_t i)
{
	struct lmtp *l = c->lmtp;
	struct lmtp_rcpt *r = &c->rcpt[i];
	struct lmtp_delivery *d = xcalloc(1, sizeof(*d));

	d->number = l->next_delivery++;
	d->conn = c;
	d->rcpt = i;
	d->body = c->body;
	d->body->refs++;
	make_packet(c, r, d);
	c->delivering++;
	lmtp_channel_give(
	    l, (struct view){ (uint8_t *)r->account, r->account_n }, d);
}

/* Why nobody can have it; NULL: fine. */
static const char *
refusal(struct lmtp_body *b, const char **status, uint8_t *result)
{
	*result = MSG_DELIVER_PERMANENT;
	if (b->too_large) {
		*status = "5.3.4";
		return "The message is too large";
	}
	if (b->nul) {
		*status = "5.6.0";
		return "The message has NUL octets";
	}
	if (!lmtp_body_finish(b)) {
		*status = "4.3.1";
		*result = MSG_DELIVER_TEMPORARY;
		return "Too many large messages are on their way";
	}
	return NULL;
}

void
lmtp_transaction_deliver(struct lmtp_conn *c)
{
	const char *status = "", *why;
	uint8_t result;

	(void)snprintf(c->message_id, sizeof(c->message_id), "%08x%llx",
	    c->lmtp->life, (unsigned long long)c->lmtp->next_delivery);
	c->at = LMTP_AT_ANSWERS;
	c->answered = 0;
	why = refusal(c->body, &status, &result);
	for (size_t i = 0; i < c->rcpts; i++) {
		if (why == NULL) {
			deliver_one(c, i);
			continue;
		}
		c->delivering++;
		lmtp_transaction_answer(
		    c, i, result, view_str(status), view_str(why));
	}
}

/* The reply code that an enhanced one goes with. */
static unsigned
code_of(uint8_t result, struct view status)
{
	static const struct {
		const char *status;
		unsigned code;
	} known[] = {
		{ "4.2.1", 450 },
		{ "4.2.2", 452 },
		{ "4.3.1", 452 },
		{ "5.2.2", 552 },
		{ "5.3.4", 552 },
		{ "5.6.0", 554 },
		{ "5.6.7", 553 },
	};

	if (result == MSG_DELIVER_OK)
		return 250;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (view_eq(status, view_str(known[i].status)))
			return known[i].code;
	return result == MSG_DELIVER_TEMPORARY ? 451 : 550;
}

static void
log_answer(
    const struct lmtp_conn *c, const struct lmtp_rcpt *r, const char *answer)
{
	struct log_line l;

	log_begin(&l, &c->lmtp->s->log, LOG_MAJOR, "delivery");
	log_str(&l, "id", c->message_id);
	log_str(&l, "account", r->account);
	log_str(&l, "sender", c->sender);
	log_str(&l, "recipient", r->text);
	log_u64(&l, "size", c->body->size);
	log_view(&l, "answer",
	    (struct view){ (const uint8_t *)answer, strcspn(answer, "\r") });
	log_end(&l);
}

/*
 * Lines of a reply (RFC 5321 section 4.2.1), each with its codes (RFC 2034
 * section 4), the first with whom it is about: RFC 2033 section 4.2 leaves that
 * to the order, people do not count. An address so long that the line would not
 * fit (RFC 5321 section 4.5.3.1.5) is left out.
 */
static void
put_reply(struct buf *out, unsigned code, struct view status,
    const char *address, struct view text)
{
	const uint8_t *lf;
	bool first = true, more;

	do {
		struct view line = text;

		lf = text.n > 0 ? memchr(text.p, '\n', text.n) : NULL;
		if ((more = lf != NULL))
			line.n = (size_t)(lf - text.p);
		buf_printf(out, "%u%c", code, more ? '-' : ' ');
		buf_put(out, status);
		if (first && strlen(address) <= REPLY_ADDRESS_MAX)
			buf_printf(out, " <%s>", address);
		buf_put_byte(out, ' ');
		buf_put(out, line);
		buf_put_str(out, "\r\n");
		view_skip(&text, line.n + more);
		first = false;
	} while (more);
}
_Static_assert(4 + MSG_DELIVER_STATUS_MAX + 4 + REPLY_ADDRESS_MAX +
	    MSG_DELIVER_LINE_MAX + 2 <=
	512,
    "RFC 5321 section 4.5.3.1.5");

void
lmtp_transaction_answer(struct lmtp_conn *c, size_t rcpt, uint8_t result,
    struct view status, struct view text)
{
	static const char *const usual[] = { "2.0.0", "4.3.0", "5.0.0" };
	AUTO_BUF struct buf b = BUF_INIT(REPLY_MAX);
	struct lmtp_rcpt *r = &c->rcpt[rcpt];
	char done[64];

	if (text.n == 0 && result == MSG_DELIVER_OK) {
		(void)snprintf(
		    done, sizeof(done), "delivered, %s", c->message_id);
		text = view_str(done);
	}
	put_reply(&b, code_of(result, status),
	    status.n > 0 ? status : view_str(usual[result]), r->text, text);
	r->answer = copy(buf_view(&b));
	if (result == MSG_DELIVER_OK)
		c->errors = 0;
	c->delivering--;
	log_answer(c, r, r->answer);
}

/* ---- one command ---- */

static void
do_command(struct lmtp_conn *c, struct view line, const struct lmtp_command *m)
{
	switch (m->verb) {
	case LMTP_LHLO:
		do_lhlo(c, m);
		return;
	case LMTP_MAIL:
		do_mail(c, m);
		return;
	case LMTP_RCPT:
		do_rcpt(c, line, m);
		return;
	case LMTP_DATA:
		do_data(c);
		return;
	case LMTP_BDAT:
		do_bdat(c, m);
		return;
	case LMTP_RSET:
		lmtp_transaction_reset(c);
		lmtp_conn_say(c, "250 2.0.0", "Forgotten");
		return;
	case LMTP_NOOP:
		lmtp_conn_say(c, "250 2.0.0", "Nothing done");
		return;
	case LMTP_QUIT:
		lmtp_conn_bye(c, "221 2.0.0", "Bye");
		return;
	case LMTP_VRFY:
		lmtp_conn_say(c, "252 2.5.2", "Try RCPT");
		return;
	case LMTP_HELP:
		lmtp_conn_say(c, "214 2.0.0", "See RFC 2033");
		return;
	case LMTP_HELO:
		say_bad(c, "500 5.5.1", "This is LMTP: say LHLO");
		return;
	}
}

static void
refuse(struct lmtp_conn *c, enum lmtp_parsed r, const struct lmtp_command *m)
{
	switch (r) {
	case LMTP_UNKNOWN:
		say_bad(c, "500 5.5.1", "There is no such command");
		return;
	case LMTP_ADDRESS:
		if (m->verb == LMTP_MAIL)
			say_bad(c, "501 5.1.7", "That is no sender");
		else
			say_bad(c, "501 5.1.3", "That is no recipient");
		return;
	case LMTP_PARAMETER:
		say_bad(c, "555 5.5.4", "A parameter is not understood");
		return;
	case LMTP_SYNTAX:
	case LMTP_OK:
		break;
	}
	/* how many octets follow nobody knows; they are no commands */
	if (m->verb == LMTP_BDAT)
		lmtp_conn_bye(c, "501 5.5.4", "The chunk has no size");
	else
		say_bad(c, "501 5.5.4", "The arguments are not understood");
}

void
lmtp_transaction_line(struct lmtp_conn *c, struct view line)
{
	struct lmtp_command m;
	enum lmtp_parsed r = lmtp_command_parse(line, &m);

	if (r == LMTP_OK)
		do_command(c, line, &m);
	else
		refuse(c, r, &m);
}
