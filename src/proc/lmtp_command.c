#include "proc/lmtp_command.h"

#include "base/num.h"
#include "base/utf8.h"
#include "base/xtext.h"
#include "proc/msg_deliver.h"

/*
 * Lines are short and few, so all is read from left to right; what is beyond the
 * grammar but harmless (a blank before "<", a local part with dots anywhere) is
 * let through, since an MTA has accepted it before.
 */

#define VERB 4 /* letters of each */

/* ---- words ---- */

static void
skip_blanks(struct view *v)
{
	while (v->n > 0 && (v->p[0] == ' ' || v->p[0] == '\t'))
		view_skip(v, 1);
}

/* Octets up to a blank. */
static struct view
take_word(struct view *v)
{
	struct view w = { v->p, 0 };

	while (w.n < v->n && v->p[w.n] != ' ' && v->p[w.n] != '\t')
		w.n++;
	view_skip(v, w.n);
	skip_blanks(v);
	return w;
}

static bool
take_byte(struct view *v, uint8_t c)
{
	if (v->n == 0 || v->p[0] != c)
		return false;
	view_skip(v, 1);
	return true;
}

/* ---- paths ---- */

static bool
is_atom(uint8_t c)
{
	return c > ' ' && c != 0x7f && memchr("<>()[]\\,;:@\"", c, 12) == NULL;
}

static bool
put_local(struct lmtp_path *p, uint8_t c)
{
	if (p->local_n == LMTP_LOCAL_MAX)
		return false;
	p->local[p->local_n++] = c;
	return true;
}

/* Quoted-string = DQUOTE *QcontentSMTP DQUOTE */
static bool
take_quoted(struct view *in, struct lmtp_path *p)
{
	struct view v = *in;

	if (!take_byte(&v, '"'))
		return false;
	while (v.n > 0 && v.p[0] != '"') {
		if (v.p[0] == '\\')
			view_skip(&v, 1);
		if (v.n == 0 || v.p[0] < ' ' || v.p[0] == 0x7f ||
		    !put_local(p, v.p[0]))
			return false;
		view_skip(&v, 1);
	}
	if (!take_byte(&v, '"') || p->local_n == 0)
		return false;
	*in = v;
	return true;
}

/* Local-part = Dot-string / Quoted-string */
static bool
take_local(struct view *in, struct lmtp_path *p)
{
	struct view v = *in;

	p->local_n = 0;
	if (v.n > 0 && v.p[0] == '"')
		return take_quoted(in, p);
	while (v.n > 0 && is_atom(v.p[0])) {
		if (!put_local(p, v.p[0]))
			return false;
		view_skip(&v, 1);
	}
	if (p->local_n == 0)
		return false;
	*in = v;
	return true;
}

/* Domain / address-literal */
static bool
take_domain(struct view *in, struct view *out)
{
	const bool literal = in->n > 0 && in->p[0] == '[';
	struct view d = { in->p, 0 };

	while (d.n < in->n &&
	    (is_atom(in->p[d.n]) ||
		(literal && in->p[d.n] != '>' && in->p[d.n] > ' ' &&
		    in->p[d.n] != 0x7f)))
		d.n++;
	if (d.n == 0 || d.n > LMTP_DOMAIN_MAX ||
	    (literal && d.p[d.n - 1] != ']'))
		return false;
	view_skip(in, d.n);
	*out = d;
	return true;
}

/* A-d-l = At-domain *( "," At-domain ), and ":" */
static bool
skip_route(struct view *in)
{
	struct view v = *in, domain;

	if (v.n == 0 || v.p[0] != '@')
		return true;
	do
		if (!take_byte(&v, '@') || !take_domain(&v, &domain))
			return false;
	while (take_byte(&v, ','));
	if (!take_byte(&v, ':'))
		return false;
	*in = v;
	return true;
}

/* Mailbox = Local-part "@" ( Domain / address-literal ); no domain is fine */
static bool
take_mailbox(struct view *in, struct lmtp_path *p)
{
	struct view v = *in;

	p->domain = (struct view){ v.p, 0 };
	if (!take_local(&v, p) ||
	    (take_byte(&v, '@') && !take_domain(&v, &p->domain)))
		return false;
	p->text = (struct view){ in->p, in->n - v.n };
	for (size_t i = 0; i < p->text.n; i++)
		p->utf8 |= p->text.p[i] > 0x7f;
	*in = v;
	/* RFC 6531 section 3.3: above 127 there is UTF-8 and nothing else */
	return p->text.n <= LMTP_PATH_MAX && (!p->utf8 || utf8_valid(p->text));
}

/* "<" [ A-d-l ":" ] Mailbox ">", or with null "<>" */
static bool
take_path(struct view *in, bool null, struct lmtp_path *p)
{
	struct view v = *in;

	*p = (struct lmtp_path){ .text = { v.p, 0 } };
	if (!take_byte(&v, '<'))
		return false;
	if (!(null && v.n > 0 && v.p[0] == '>') &&
	    (!skip_route(&v) || !take_mailbox(&v, p)))
		return false;
	if (!take_byte(&v, '>') || (v.n > 0 && v.p[0] != ' '))
		return false;
	skip_blanks(&v);
	*in = v;
	return true;
}

/* ---- parameters ---- */

/* The value of AUTH= (RFC 4954 section 5), not decoded; SMTPUTF8 brings octets
 * above 127. */
static bool
is_auth(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= ' ' || v.p[i] == 0x7f || v.p[i] == '=')
			return false;
	return v.n > 0 && v.n <= LMTP_XTEXT_MAX;
}

/* "NEVER", or some of "SUCCESS,FAILURE,DELAY", each once (section 4.1). */
static bool
notify_parse(struct view v, uint8_t *out)
{
	static const struct {
		const char *name;
		uint8_t bit;
	} names[] = {
		{ "SUCCESS", MSG_DELIVER_SUCCESS },
		{ "FAILURE", MSG_DELIVER_FAILURE },
		{ "DELAY", MSG_DELIVER_DELAY },
	};

	if (view_eq_ci(v, VIEW_LIT("NEVER"))) {
		*out = MSG_DELIVER_NEVER;
		return true;
	}
	do {
		struct view w = { v.p, 0 };
		uint8_t bit = 0;

		while (w.n < v.n && v.p[w.n] != ',')
			w.n++;
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (view_eq_ci(w, view_str(names[i].name)))
				bit = names[i].bit;
		if (bit == 0 || (*out & bit) != 0)
			return false;
		*out |= bit;
		view_skip(&v, w.n);
	} while (take_byte(&v, ','));
	return v.n == 0;
}

/* The parameters seen, so that none comes twice. */
enum seen {
	SEEN_SIZE = 1,
	SEEN_BODY = 2,
	SEEN_UTF8 = 4,
	SEEN_RET = 8,
	SEEN_ENVID = 16,
	SEEN_AUTH = 32,
	SEEN_NOTIFY = 64,
	SEEN_ORCPT = 128,
	/* one of RFC 3461 with a value that is none: 501 (section 5.1) */
	SEEN_WRONG = 256,
};

static bool
set_body(struct lmtp_command *c, struct view value)
{
	c->eight = view_eq_ci(value, VIEW_LIT("8BITMIME"));
	return c->eight || view_eq_ci(value, VIEW_LIT("7BIT"));
}

static bool
set_ret(struct lmtp_command *c, struct view value)
{
	c->ret = view_eq_ci(value, VIEW_LIT("FULL")) ? LMTP_RET_FULL
	    : view_eq_ci(value, VIEW_LIT("HDRS"))    ? LMTP_RET_HDRS
						     : LMTP_RET_NONE;
	return c->ret != LMTP_RET_NONE;
}

static bool
set_envid(struct lmtp_command *c, struct view value)
{
	c->envid = value;
	return value.n > 0 && value.n <= LMTP_ENVID_MAX &&
	    xtext_ok(value, false);
}

static bool
set_orcpt(struct lmtp_command *c, struct view value)
{
	struct view type, address;

	c->orcpt = value;
	return value.n <= LMTP_XTEXT_MAX && xtext_orcpt(value, &type, &address);
}

/* size-value = 1*20DIGIT (RFC 1870 section 4); what no number here can hold is
 * too large for any limit. */
static bool
set_size(struct lmtp_command *c, struct view value)
{
	struct view digits = value;
	uint64_t digit;

	if (num_parse(value, INT64_MAX, &c->size))
		return true;
	while (digits.n > 0) {
		if (!num_parse(view_sub(digits, 0, 1), 9, &digit))
			return false;
		view_skip(&digits, 1);
	}
	c->size = UINT64_MAX;
	return value.n > 0 && value.n <= 20;
}

static enum seen
set_mail(struct lmtp_command *c, struct view key, struct view value)
{
	if (view_eq_ci(key, VIEW_LIT("SIZE")))
		return set_size(c, value) ? SEEN_SIZE : 0;
	if (view_eq_ci(key, VIEW_LIT("BODY")))
		return set_body(c, value) ? SEEN_BODY : 0;
	if (view_eq_ci(key, VIEW_LIT("SMTPUTF8"))) {
		c->smtputf8 = value.n == 0;
		return c->smtputf8 ? SEEN_UTF8 : 0;
	}
	if (view_eq_ci(key, VIEW_LIT("RET")))
		return set_ret(c, value) ? SEEN_RET : SEEN_WRONG;
	if (view_eq_ci(key, VIEW_LIT("ENVID")))
		return set_envid(c, value) ? SEEN_ENVID : SEEN_WRONG;
	if (view_eq_ci(key, VIEW_LIT("AUTH"))) {
		c->auth = value;
		return is_auth(value) ? SEEN_AUTH : 0;
	}
	return 0;
}

static enum seen
set_rcpt(struct lmtp_command *c, struct view key, struct view value)
{
	if (view_eq_ci(key, VIEW_LIT("NOTIFY")))
		return notify_parse(value, &c->notify) ? SEEN_NOTIFY
						       : SEEN_WRONG;
	if (view_eq_ci(key, VIEW_LIT("ORCPT")))
		return set_orcpt(c, value) ? SEEN_ORCPT : SEEN_WRONG;
	return 0;
}

/* esmtp-param = esmtp-keyword ["=" esmtp-value] */
static enum lmtp_parsed
take_parameters(struct view v, struct lmtp_command *c)
{
	unsigned seen = 0;

	while (v.n > 0) {
		struct view word = take_word(&v), key = word, value;
		const uint8_t *eq = memchr(word.p, '=', word.n);
		enum seen s;

		if (eq != NULL)
			key.n = (size_t)(eq - word.p);
		value = view_sub(word, key.n + (eq != NULL), word.n);
		s = c->verb == LMTP_MAIL ? set_mail(c, key, value)
					 : set_rcpt(c, key, value);
		if (s == 0)
			return LMTP_PARAMETER;
		if ((seen & s) != 0 || s == SEEN_WRONG)
			return LMTP_SYNTAX;
		seen |= s;
	}
	return LMTP_OK;
}

/* ---- commands ---- */

static enum lmtp_parsed
parse_envelope(struct view v, const char *word, struct lmtp_command *c)
{
	size_t n = strlen(word);

	if (!view_starts_ci(v, view_str(word)))
		return LMTP_SYNTAX;
	view_skip(&v, n);
	skip_blanks(&v);
	if (!take_path(&v, c->verb == LMTP_MAIL, &c->path))
		return LMTP_ADDRESS;
	return take_parameters(v, c);
}

/* bdat-cmd = "BDAT" SP chunk-size [ SP "LAST" ] (RFC 3030 section 2) */
static enum lmtp_parsed
parse_bdat(struct view v, struct lmtp_command *c)
{
	struct view size = take_word(&v), last = take_word(&v);

	c->last = view_eq_ci(last, VIEW_LIT("LAST"));
	return num_parse(size, INT64_MAX, &c->chunk) && v.n == 0 &&
		(c->last || last.n == 0)
	    ? LMTP_OK
	    : LMTP_SYNTAX;
}

/* A name or address literal, printable and without a blank. */
static enum lmtp_parsed
parse_lhlo(struct view v, struct lmtp_command *c)
{
	c->text = take_word(&v);
	for (size_t i = 0; i < c->text.n; i++)
		if (c->text.p[i] <= ' ' || c->text.p[i] > '~' ||
		    memchr("()<>\\\"", c->text.p[i], 6) != NULL)
			return LMTP_SYNTAX;
	return v.n == 0 && c->text.n > 0 && c->text.n <= LMTP_DOMAIN_MAX
	    ? LMTP_OK
	    : LMTP_SYNTAX;
}

static enum lmtp_parsed
parse_arguments(struct view v, struct lmtp_command *c)
{
	switch (c->verb) {
	case LMTP_LHLO:
		return parse_lhlo(v, c);
	case LMTP_MAIL:
		return parse_envelope(v, "FROM:", c);
	case LMTP_RCPT:
		return parse_envelope(v, "TO:", c);
	case LMTP_BDAT:
		return parse_bdat(v, c);
	case LMTP_DATA:
	case LMTP_RSET:
	case LMTP_QUIT:
		return v.n == 0 ? LMTP_OK : LMTP_SYNTAX;
	case LMTP_VRFY:
		c->text = v;
		return v.n > 0 ? LMTP_OK : LMTP_SYNTAX;
	case LMTP_NOOP:
	case LMTP_HELP:
	case LMTP_HELO:
		break;
	}
	return LMTP_OK;
}

enum lmtp_parsed
lmtp_command_parse(struct view line, struct lmtp_command *out)
{
	static const struct {
		char name[VERB + 1];
		enum lmtp_verb verb;
	} verbs[] = {
		{ "RCPT", LMTP_RCPT },
		{ "MAIL", LMTP_MAIL },
		{ "DATA", LMTP_DATA },
		{ "BDAT", LMTP_BDAT },
		{ "RSET", LMTP_RSET },
		{ "LHLO", LMTP_LHLO },
		{ "QUIT", LMTP_QUIT },
		{ "NOOP", LMTP_NOOP },
		{ "VRFY", LMTP_VRFY },
		{ "HELP", LMTP_HELP },
		{ "HELO", LMTP_HELO },
		{ "EHLO", LMTP_HELO },
	};
	struct view word = take_word(&line);

	*out = (struct lmtp_command){ .verb = LMTP_NOOP };
	if (word.n != VERB)
		return LMTP_UNKNOWN;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (view_eq_ci(word,
			(struct view){
			    (const uint8_t *)verbs[i].name, VERB })) {
			out->verb = verbs[i].verb;
			return parse_arguments(line, out);
		}
	return LMTP_UNKNOWN;
}

/* The octet at the start of *v; -1: it is none. */
static int
take_auth_octet(struct view *v)
{
	int c = v->p[0], high, low;

	if (c == '+') {
		if (v->n < 3 || (high = num_hex(v->p[1])) < 0 ||
		    (low = num_hex(v->p[2])) < 0)
			return -1;
		c = high << 4 | low;
		view_skip(v, 2);
	}
	view_skip(v, 1);
	return c < ' ' || c == 0x7f ? -1 : c;
}

void
lmtp_command_auth(struct view v, char out[LMTP_XTEXT_MAX + 1])
{
	struct view all;
	size_t n = 0;
	int c = 0;

	while (v.n > 0 && n < LMTP_XTEXT_MAX && (c = take_auth_octet(&v)) >= 0)
		out[n++] = (char)c;
	all = (struct view){ (const uint8_t *)out, n };
	if (c < 0 || view_eq(all, VIEW_LIT("<>")) || !utf8_valid(all))
		n = 0;
	out[n] = '\0';
}

/* ---- data ---- */

/* Octets of v up to and with the first CR LF that a dot follows; all of v when
 * there is none. */
static size_t
to_dot(struct view v)
{
	const uint8_t *at = memmem(v.p, v.n, "\r\n.", 3);

	return at == NULL ? v.n : (size_t)(at - v.p) + 2;
}

static enum lmtp_data_result
give(struct lmtp_data *d, struct view *in, size_t n, struct view *piece)
{
	*piece = view_sub(*in, 0, n);
	view_skip(in, n);
	d->state = n >= 2 && piece->p[n - 2] == '\r' && piece->p[n - 1] == '\n'
	    ? LMTP_DATA_START
	    : piece->p[n - 1] == '\r' ? LMTP_DATA_CR
				      : LMTP_DATA_LINE;
	return LMTP_DATA_PIECE;
}

static enum lmtp_data_result
after_dot_cr(struct lmtp_data *d, struct view *in, struct view *piece)
{
	if (take_byte(in, '\n')) {
		d->state = LMTP_DATA_START;
		return LMTP_DATA_END;
	}
	*piece = VIEW_LIT("\r");
	d->state = LMTP_DATA_LINE; /* what follows is no LF */
	return LMTP_DATA_PIECE;
}

enum lmtp_data_result
lmtp_data_next(struct lmtp_data *d, struct view *in, struct view *piece)
{
	*piece = (struct view){ NULL, 0 };
	while (in->n > 0) {
		switch (d->state) {
		case LMTP_DATA_START:
			d->state =
			    take_byte(in, '.') ? LMTP_DATA_DOT : LMTP_DATA_LINE;
			continue;
		case LMTP_DATA_DOT:
			d->state = take_byte(in, '\r') ? LMTP_DATA_DOT_CR
						       : LMTP_DATA_LINE;
			continue;
		case LMTP_DATA_DOT_CR:
			return after_dot_cr(d, in, piece);
		case LMTP_DATA_CR:
			if (in->p[0] == '\n') {
				(void)give(d, in, 1, piece);
				d->state = LMTP_DATA_START;
				return LMTP_DATA_PIECE;
			}
			d->state = LMTP_DATA_LINE;
			continue;
		case LMTP_DATA_LINE:
			return give(d, in, to_dot(*in), piece);
		}
	}
	return LMTP_DATA_MORE;
}
