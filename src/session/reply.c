#include "session/reply.h"

#include "base/digest.h"
#include "base/utf8.h"
#include "base/xtext.h"
#include "mail/address.h"
#include "mail/date.h"
#include "mail/encoded.h"
#include "mail/header.h"
#include "mail/mime.h"
#include "mail/transfer.h"
#include "sieve/mailto.h"
#include "sieve/vacation.h"

/*
 * Every value goes through one of three functions that can put no line end:
 * put_text() for unstructured ones, put_addresses() for addresses, put_ids() for
 * message ids. What comes from outside is parsed and written anew, not copied.
 */
#define WORD_BYTES 42   /* of UTF-8 in one encoded-word */
#define LINE_COLUMNS 76 /* where lines are folded */
#define LINE_OCTETS 900 /* a line of more is encoded (RFC 5322: 998) */
#define SUBJECT_BYTES 4096
#define ARENA_BYTES ((size_t)1 << 20)
#define IDS_MAX 20   /* of References; the first and the last are kept */
#define TOLD_MAX 256 /* addresses of a run's notifications that are known */

static bool
is_plain(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < ' ' || v.p[i] > '~')
			return false;
	return true;
}

static bool
is_ascii(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] >= 0x80 || v.p[i] == 0)
			return false;
	return true;
}

/* ---- fields ---- */

/* At most max bytes of v, cut between characters. */
static struct view
cut_characters(struct view v, size_t max)
{
	size_t n = v.n;

	if (n <= max)
		return v;
	n = max;
	while (n > 0 && (v.p[n] & 0xc0) == 0x80)
		n--;
	return view_sub(v, 0, n > 0 ? n : max);
}

static void
put_words(struct buf *out, struct view v)
{
	while (v.n > 0) {
		struct view part = cut_characters(v, WORD_BYTES);

		buf_put_str(out, "=?UTF-8?B?");
		transfer_put_base64_plain(part, out);
		buf_put_str(out, "?=");
		view_skip(&v, part.n);
		if (v.n > 0)
			buf_put_str(out, "\r\n ");
	}
}

/* Could a reader take it for an encoded-word? */
static bool
looks_encoded(struct view v)
{
	for (size_t i = 0; i + 1 < v.n; i++)
		if (v.p[i] == '=' && v.p[i + 1] == '?')
			return true;
	return false;
}

/* Printable ASCII, folded at blanks. */
static void
put_folded(struct buf *out, struct view v, size_t column)
{
	for (size_t i = 0, word = 0; i <= v.n; i++) {
		if (i < v.n && (v.p[i] != ' ' || i == word))
			continue;
		if (column + (i - word) > LINE_COLUMNS && word > 0) {
			buf_put_str(out, "\r\n");
			column = 0;
		}
		buf_put(out, view_sub(v, word, i - word));
		column += i - word;
		word = i;
	}
}

/* Controls as blanks, no blanks at the ends. */
static void
clean(struct view v, struct buf *out)
{
	v = header_trim(cut_characters(v, SUBJECT_BYTES));
	for (size_t i = 0; i < v.n; i++)
		buf_put_byte(
		    out, v.p[i] < ' ' || v.p[i] == 0x7f ? ' ' : v.p[i]);
}

static void
put_text(struct buf *out, const char *name, struct view value)
{
	AUTO_BUF struct buf b = BUF_INIT(SUBJECT_BYTES);
	struct view v;

	clean(value, &b);
	v = buf_view(&b);
	buf_put_str(out, name);
	buf_put_str(out, ": ");
	if (is_plain(v) && !looks_encoded(v) && v.n < LINE_OCTETS)
		put_folded(out, v, strlen(name) + 2);
	else
		put_words(out, v);
	buf_put_str(out, "\r\n");
}

static bool
is_atom(uint8_t c)
{
	return c > ' ' && c < 0x7f && strchr("()<>[]:;@\\,.\"", c) == NULL;
}

/* A phrase: as it is when it is an atom, else quoted. */
static void
put_quoted(struct buf *out, struct view v)
{
	bool atoms = v.n > 0;

	for (size_t i = 0; i < v.n; i++)
		atoms = atoms && (is_atom(v.p[i]) || v.p[i] >= 0x80);
	if (atoms) {
		buf_put(out, v);
		return;
	}
	buf_put_byte(out, '"');
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"' || v.p[i] == '\\')
			buf_put_byte(out, '\\');
		buf_put_byte(out,
		    v.p[i] < ' ' || v.p[i] == 0x7f ? (uint8_t)' ' : v.p[i]);
	}
	buf_put_byte(out, '"');
}

static bool
is_mailbox(const struct address *d)
{
	return d->mailbox.n > 0 && d->host.n > 0;
}

static void
put_name(struct buf *out, struct view name)
{
	AUTO_BUF struct buf b = BUF_INIT(SUBJECT_BYTES);

	encoded_decode(cut_characters(name, SUBJECT_BYTES / 4), &b);
	if (is_plain(buf_view(&b)) && !looks_encoded(buf_view(&b)))
		put_quoted(out, buf_view(&b));
	else
		put_words(out, buf_view(&b));
	buf_put_byte(out, ' ');
}

/* Those of value that are addresses; no field when there is none. */
/* Is d the first of those that are left? Then it is taken. */
static bool
take_next(const struct address *d, const struct view **only, size_t *n)
{
	AUTO_BUF struct buf b = BUF_INIT(1024);

	address_put_spec(d, &b);
	if (*n == 0 || b.failed || !view_eq(buf_view(&b), **only))
		return false;
	++*only;
	--*n;
	return true;
}

/* Of a list, the addresses in only, n of them in its order; NULL: all. False:
 * there are none, and no field. */
static bool
put_some(struct buf *out, const char *name, struct view value,
    const struct view *only, size_t n)
{
	AUTO_ARENA struct arena *a = arena_new(ARENA_BYTES);
	const struct address *d = address_parse(value, a);
	bool any = false;

	for (; d != NULL; d = d->next) {
		if (!is_mailbox(d) ||
		    (only != NULL && !take_next(d, &only, &n)))
			continue;
		buf_put_str(out, any ? ",\r\n " : name);
		if (!any)
			buf_put_str(out, ": ");
		any = true;
		if (d->name.n > 0)
			put_name(out, d->name);
		buf_put_byte(out, '<');
		address_put_spec(d, out);
		buf_put_byte(out, '>');
	}
	if (any)
		buf_put_str(out, "\r\n");
	return any;
}

static bool
put_addresses(struct buf *out, const char *name, struct view value)
{
	return put_some(out, name, value, NULL, 0);
}

/* The next <...> of v without blanks and such; false: there is none. */
static bool
next_id(struct view *v, struct view *id)
{
	while (v->n > 0) {
		const uint8_t *lt = memchr(v->p, '<', v->n), *gt;

		if (lt == NULL)
			return false;
		view_skip(v, (size_t)(lt - v->p));
		if ((gt = memchr(v->p, '>', v->n)) == NULL)
			return false;
		*id = view_sub(*v, 0, (size_t)(gt - v->p) + 1);
		view_skip(v, id->n);
		if (id->n <= 3 || id->n > LINE_OCTETS || !is_plain(*id) ||
		    memchr(id->p, ' ', id->n) != NULL)
			continue;
		return true;
	}
	return false;
}

static struct view
field_of(struct view message, const char *name)
{
	struct header_field f;

	return header_find(message, view_str(name), &f)
	    ? f.value
	    : (struct view){ NULL, 0 };
}

static bool
first_id(struct view value, struct view *id)
{
	return next_id(&value, id);
}

/* RFC 5322 section 3.6.4: the parent's References, or its In-Reply-To when that
 * has one id, then its Message-ID. */
static void
put_references(struct buf *out, struct view original)
{
	struct view id, own, ids[IDS_MAX], rest;
	size_t n = 0, all = 0;

	if (!first_id(field_of(original, "Message-ID"), &own))
		return;
	buf_put_str(out, "In-Reply-To: ");
	buf_put(out, own);
	buf_put_str(out, "\r\nReferences: ");
	rest = field_of(original, "References");
	if (rest.n == 0)
		rest = field_of(original, "In-Reply-To");
	while (next_id(&rest, &id)) {
		if (n == IDS_MAX) /* the first stays */
			memmove(&ids[1], &ids[2], (--n - 1) * sizeof(ids[0]));
		ids[n++] = id;
		all++;
	}
	if (field_of(original, "References").n == 0 && all != 1)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		buf_put(out, ids[i]);
		buf_put_str(out, "\r\n ");
	}
	buf_put(out, own);
	buf_put_str(out, "\r\n");
}

static void
put_date_and_id(struct buf *out, const struct reply_env *e)
{
	buf_put_str(out, "Date: ");
	date_format((struct date){ e->now, e->zone }, out);
	buf_printf(out, "\r\nMessage-ID: <%llx.%llx@",
	    (unsigned long long)e->now, (unsigned long long)e->unique);
	buf_put(out, e->host);
	buf_put_str(out, ">\r\n");
}

/* ---- bodies ---- */

static void
to_crlf(struct view v, struct buf *out)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '\n' && (i == 0 || v.p[i - 1] != '\r'))
			buf_put_byte(out, '\r');
		buf_put_byte(out, v.p[i]);
	}
}

static bool
has_long_line(struct view v)
{
	size_t n = 0;

	for (size_t i = 0; i < v.n; i++) {
		n = v.p[i] == '\n' ? 0 : n + 1;
		if (n > LINE_OCTETS)
			return true;
	}
	return false;
}

/* The fields and the text of a text/plain part. */
static void
put_plain(struct buf *out, struct view text)
{
	AUTO_BUF struct buf b = BUF_INIT(2 * text.n + 64);

	to_crlf(text, &b);
	buf_put_str(out, "Content-Type: text/plain; charset=utf-8\r\n");
	if (is_ascii(buf_view(&b)) && !has_long_line(buf_view(&b))) {
		buf_put_str(out, "Content-Transfer-Encoding: 7bit\r\n\r\n");
		buf_put(out, buf_view(&b));
	} else {
		buf_put_str(
		    out, "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
		transfer_put_qp(buf_view(&b), true, out);
	}
	if (b.n < 2 || b.p[b.n - 1] != '\n')
		buf_put_str(out, "\r\n");
}

/* Of a MIME entity the fields that are one's (RFC 2045 section 3), and its
 * body. */
static void
put_entity(struct buf *out, struct view entity)
{
	AUTO_BUF struct buf b = BUF_INIT(2 * entity.n + 64);
	struct view rest, header;
	struct header_field f;

	to_crlf(entity, &b);
	rest = header = view_sub(buf_view(&b), 0, header_size(buf_view(&b)));
	while (header_next(&rest, &f))
		if (view_starts_ci(f.name, VIEW_LIT("Content-")))
			buf_put(out, f.raw);
	buf_put_str(out, "\r\n");
	buf_put(out, view_sub(buf_view(&b), header.n, b.n));
}

/* The header of what is answered, whole lines, at most REPLY_QUOTED_MAX. */
static struct view
quoted_header(struct view original)
{
	size_t n = header_size(original);

	while (n > 2 && original.p[n - 1] == '\n' &&
	    (original.p[n - 2] == '\n' || (n > 3 && original.p[n - 3] == '\n')))
		n -= original.p[n - 2] == '\r' ? 2 : 1;
	if (n > REPLY_QUOTED_MAX)
		n = REPLY_QUOTED_MAX;
	while (n > 0 && original.p[n - 1] != '\n')
		n--;
	return view_sub(original, 0, n);
}

/* ---- vacation ---- */

static void
put_subject(struct buf *out, const struct reply_env *e, struct view subject)
{
	AUTO_BUF struct buf b = BUF_INIT(4 * SUBJECT_BYTES);
	struct view old = field_of(e->original, "Subject");

	if (subject.n > 0) {
		put_text(out, "Subject", subject);
		return;
	}
	buf_put_str(&b, "Auto: ");
	encoded_decode(cut_characters(old, SUBJECT_BYTES), &b);
	if (header_trim(old).n == 0)
		put_text(out, "Subject", VIEW_LIT("Automated reply"));
	else
		put_text(out, "Subject", buf_view(&b));
}

/* To whom the answer goes, with the name the message gives that address. */
static void
put_to(struct buf *out, struct view original, struct view to)
{
	static const char *const names[] = { "From", "Sender" };
	AUTO_ARENA struct arena *a = arena_new(ARENA_BYTES);
	AUTO_BUF struct buf spec = BUF_INIT(SUBJECT_BYTES);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct view value = field_of(original, names[i]);
		const struct address *d = address_parse(value, a);

		if (d == NULL || d->next != NULL || !is_mailbox(d))
			continue;
		buf_clear(&spec);
		address_put_spec(d, &spec);
		if (view_eq_ci(buf_view(&spec), to)) {
			(void)put_addresses(out, "To", value);
			return;
		}
	}
	buf_clear(&spec);
	buf_put_byte(&spec, '<');
	buf_put(&spec, to);
	buf_put_byte(&spec, '>');
	(void)put_addresses(out, "To", buf_view(&spec));
}

void
reply_vacation(
    const struct reply_env *e, const struct sieve_vacation *v, struct buf *out)
{
	if (!put_addresses(out, "From", v->from))
		(void)put_addresses(out, "From", e->user);
	put_to(out, e->original, v->to);
	put_subject(out, e, v->subject);
	put_date_and_id(out, e);
	put_references(out, e->original);
	buf_put_str(out,
	    "Auto-Submitted: auto-replied\r\nPrecedence: bulk\r\n"
	    "X-Auto-Response-Suppress: All\r\nMIME-Version: 1.0\r\n");
	if (v->mime)
		put_entity(out, v->reason);
	else
		put_plain(out, v->reason);
}

/* ---- reject ---- */

static void
put_boundary(struct buf *out, const struct reply_env *e)
{
	buf_printf(out, "=_fumi_%llx", (unsigned long long)e->unique);
}

static void
begin_part(struct buf *out, const struct reply_env *e)
{
	buf_put_str(out, "\r\n--");
	put_boundary(out, e);
	buf_put_str(out, "\r\n");
}

static void
put_recipient_field(struct buf *out, const char *name, struct view address)
{
	AUTO_ARENA struct arena *a = arena_new(ARENA_BYTES);
	const struct address *d = address_parse(address, a);

	if (d == NULL || !is_mailbox(d))
		return;
	buf_put_str(out, name);
	buf_put_str(out, is_ascii(address) ? ": rfc822; " : ": utf-8; ");
	address_put_spec(d, out);
	buf_put_str(out, "\r\n");
}

static void
put_mdn(struct buf *out, const struct reply_env *e, struct view orcpt)
{
	struct view id;

	buf_put_str(out, "Reporting-UA: ");
	buf_put(out, e->host);
	buf_put_str(out, "; fumi\r\n");
	xtext_put_recipient(orcpt, out);
	put_recipient_field(out, "Final-Recipient", e->user);
	if (first_id(field_of(e->original, "Message-ID"), &id)) {
		buf_put_str(out, "Original-Message-ID: ");
		buf_put(out, id);
		buf_put_str(out, "\r\n");
	}
	buf_put_str(out,
	    "Disposition: automatic-action/"
	    "MDN-sent-automatically; deleted\r\n");
}

static void
put_dsn(struct buf *out, const struct reply_env *e, struct view recipient,
    struct view orcpt)
{
	buf_put_str(out, "Reporting-MTA: dns; ");
	buf_put(out, e->host);
	buf_put_str(out, "\r\n\r\n");
	xtext_put_recipient(orcpt, out);
	put_recipient_field(
	    out, "Final-Recipient", recipient.n > 0 ? recipient : e->user);
	buf_put_str(out, "Action: failed\r\nStatus: 5.7.1\r\n");
}

static void
put_why(struct buf *out, const struct reply_env *e, struct view reason)
{
	AUTO_BUF struct buf b = BUF_INIT(reason.n + 512);

	(void)e;
	buf_put_str(&b,
	    "Your message was refused by the recipient's mail "
	    "filtering program.\r\nThe reason given is as "
	    "follows:\r\n\r\n");
	buf_put(&b, reason);
	put_plain(out, buf_view(&b));
}

/* 7bit is what is not said. */
static void
put_encoding(struct buf *out, bool ascii)
{
	if (!ascii)
		buf_put_str(out, "Content-Transfer-Encoding: 8bit\r\n");
}

static void
put_typed(struct buf *out, const char *type, struct view content)
{
	buf_put_str(out, "Content-Type: ");
	buf_put_str(out, type);
	buf_put_str(out, "\r\n");
	put_encoding(out, is_ascii(content));
	buf_put_str(out, "\r\n");
	buf_put(out, content);
}

/* With addresses in UTF-8 they have types of their own (RFC 6533 sections 4 and
 * 5). */
static const char *
type_of_fields(const struct sieve_reject *r, struct view fields)
{
	if (r->ereject)
		return is_ascii(fields) ? "message/delivery-status"
					: "message/global-delivery-status";
	return is_ascii(fields) ? "message/disposition-notification"
				: "message/global-disposition-notification";
}

void
reply_reject(const struct reply_env *e, const struct sieve_reject *r,
    struct view to, struct view recipient, struct view orcpt, struct buf *out)
{
	struct view header = quoted_header(e->original);
	AUTO_BUF struct buf fields = BUF_INIT(REPLY_MAX);

	if (r->ereject)
		put_dsn(&fields, e, recipient, orcpt);
	else
		put_mdn(&fields, e, orcpt);
	if (r->ereject) {
		buf_put_str(out,
		    "From: \"Mail Delivery System\" "
		    "<MAILER-DAEMON@");
		buf_put(out, e->host);
		buf_put_str(out, ">\r\n");
	} else {
		(void)put_addresses(out, "From", e->user);
	}
	(void)put_addresses(out, "To", to);
	put_text(out, "Subject", VIEW_LIT("Your message was refused"));
	put_date_and_id(out, e);
	put_references(out, e->original);
	buf_put_str(out,
	    "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report;\r\n\treport-type=");
	buf_put_str(
	    out, r->ereject ? "delivery-status" : "disposition-notification");
	buf_put_str(out, ";\r\n\tboundary=\"");
	put_boundary(out, e);
	buf_put_str(out, "\"\r\n");
	/* no part has more than the whole says (RFC 2045 section 6.4) */
	put_encoding(out, is_ascii(buf_view(&fields)) && is_ascii(header));
	buf_put_str(out, "\r\nThis is a report in MIME format.\r\n");
	begin_part(out, e);
	put_why(out, e, r->reason);
	begin_part(out, e);
	put_typed(out, type_of_fields(r, buf_view(&fields)), buf_view(&fields));
	begin_part(out, e);
	put_typed(out, mime_type_of_header(header), header);
	buf_put_str(out, "\r\n--");
	put_boundary(out, e);
	buf_put_str(out, "--\r\n");
}

/* ---- notify ---- */

static bool
is_one_of(struct view v, const struct view *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (view_eq_ci(v, list[i]))
			return true;
	return false;
}

/* Addresses that a notification goes to. */
struct told {
	struct arena *a;
	struct view *v;
	size_t n, max;
};

/* Add those of a list that are in neither. */
static void
add_addresses(struct told *t, const struct told *others, struct view list)
{
	const struct address *d = address_parse(list, t->a);

	for (; d != NULL && t->n < t->max; d = d->next) {
		AUTO_BUF struct buf b = BUF_INIT(1024);
		char *copy;

		if (!is_mailbox(d))
			continue;
		address_put_spec(d, &b);
		if (b.failed || is_one_of(buf_view(&b), t->v, t->n) ||
		    is_one_of(buf_view(&b), others->v, others->n) ||
		    (copy = arena_strdup(t->a, buf_view(&b))) == NULL)
			continue;
		t->v[t->n++] = view_str(copy);
	}
}

/* Whom the notifications before this one go to. */
static struct told
told_before(const struct sieve_notify *n, struct arena *a)
{
	struct told t = { .a = a, .max = TOLD_MAX }, none = { .n = 0 };
	struct mailto m;
	const char *why;

	if (n->n_before == 0 ||
	    (t.v = arena_alloc(a, TOLD_MAX * sizeof(*t.v))) == NULL)
		return t;
	for (size_t i = 0; i < n->n_before; i++)
		if (mailto_parse(n->before[i], a, &m, &why)) {
			add_addresses(&t, &none, m.to);
			add_addresses(&t, &none, m.cc);
		}
	return t;
}

/* The fields of the URI that none of ours is. */
static void
put_uri_fields(struct buf *out, const struct mailto *m)
{
	for (size_t i = 0; i < m->n; i++) {
		char name[64];
		size_t n = m->field[i].name.n;
		bool good = n > 0 && n < sizeof(name);

		for (size_t k = 0; good && k < n; k++) {
			uint8_t c = m->field[i].name.p[k];

			good = c > ' ' && c < 0x7f && c != ':';
			name[k] = (char)(k == 0 && c >= 'a' && c <= 'z'
				? c - 'a' + 'A'
				: c);
		}
		if (!good ||
		    view_starts_ci(m->field[i].name, VIEW_LIT("Content-")) ||
		    view_eq_ci(m->field[i].name, VIEW_LIT("MIME-Version")) ||
		    view_eq_ci(m->field[i].name, VIEW_LIT("Importance")))
			continue;
		name[n] = '\0';
		put_text(out, name, m->field[i].value);
	}
}

static void
put_importance(struct buf *out, unsigned importance)
{
	static const char *const fields[] = {
		"Importance: high\r\nX-Priority: 1 (Highest)\r\n",
		"Importance: normal\r\nX-Priority: 3 (Normal)\r\n",
		"Importance: low\r\nX-Priority: 5 (Lowest)\r\n",
	};

	if (importance >= 1 && importance <= 3)
		buf_put_str(out, fields[importance - 1]);
}

static void
put_notify_subject(struct buf *out, const struct reply_env *e,
    const struct sieve_notify *n, const struct mailto *m)
{
	AUTO_BUF struct buf b = BUF_INIT(4 * SUBJECT_BYTES);

	if (n->message.n > 0)
		buf_put(&b, n->message);
	else if (m->subject.n > 0)
		buf_put(&b, m->subject);
	else
		encoded_decode(cut_characters(field_of(e->original, "Subject"),
				   SUBJECT_BYTES),
		    &b);
	if (b.n == 0)
		buf_put_str(&b, "A message has come");
	put_text(out, "Subject", buf_view(&b));
}

bool
reply_may_notify(struct view original)
{
	return !vacation_is_automatic(
	    view_sub(original, 0, header_size(original)));
}

bool
reply_notify(const struct reply_env *e, const struct sieve_notify *n,
    struct arena *a, struct view *to, size_t max, size_t *n_to, struct buf *out)
{
	struct told t = { a, to, 0, max }, before;
	struct mailto m;
	const char *why;
	size_t first;

	*n_to = 0;
	if (!mailto_parse(n->method, a, &m, &why))
		return false;
	before = told_before(n, a);
	add_addresses(&t, &before, m.to);
	first = t.n;
	add_addresses(&t, &before, m.cc);
	if ((*n_to = t.n) == 0)
		return false;
	buf_put_str(out, "Auto-Submitted: auto-notified;\r\n\towner-email=");
	{
		AUTO_BUF struct buf b = BUF_INIT(1024);

		clean(e->user, &b);
		buf_put_byte(out, '"');
		for (size_t i = 0; i < b.n; i++)
			if (b.p[i] != '"' && b.p[i] != '\\')
				buf_put_byte(out, b.p[i]);
		buf_put_str(out, "\"\r\n");
	}
	if (n->from.n == 0 || !put_addresses(out, "From", n->from))
		(void)put_addresses(out, "From", e->user);
	(void)put_some(out, "To", m.to, to, first);
	(void)put_some(out, "Cc", m.cc, to + first, t.n - first);
	put_notify_subject(out, e, n, &m);
	put_date_and_id(out, e);
	put_references(out, e->original);
	put_importance(out, n->importance);
	put_uri_fields(out, &m);
	buf_put_str(out, "X-Sieve: fumi\r\nMIME-Version: 1.0\r\n");
	put_plain(out, m.body);
	return true;
}

/* ---- notes ---- */

void
reply_broken(const struct reply_env *e, struct view script,
    const struct sieve_error *error, struct buf *out)
{
	AUTO_BUF struct buf b = BUF_INIT(4096);

	buf_put_str(out, "From: \"Mail filter\" <MAILER-DAEMON@");
	buf_put(out, e->host);
	buf_put_str(out, ">\r\n");
	(void)put_addresses(out, "To", e->user);
	put_text(out, "Subject", VIEW_LIT("Your Sieve script has an error"));
	put_date_and_id(out, e);
	buf_put_str(
	    out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");
	buf_put_str(&b, "The script \"");
	clean(cut_characters(script, 512), &b);
	buf_printf(&b,
	    "\" cannot be used:\r\n\r\n  line %u, column %u: ", error->line,
	    error->column);
	clean(view_str(error->text), &b);
	buf_put_str(&b,
	    ".\r\n\r\nYour mail is kept meanwhile, and sorted by the last "
	    "version of the script that\r\nhad no error, if there is "
	    "one.\r\n");
	put_plain(out, buf_view(&b));
}

/* ---- redirect ---- */

static bool
is_user(struct view value, struct view user)
{
	value = header_trim(value);
	if (value.n > 2 && value.p[0] == '<' && value.p[value.n - 1] == '>')
		value = view_sub(value, 1, value.n - 2);
	return view_eq_ci(value, user);
}

/* What the last hop has put in front: Return-Path, Original-Recipient and one
 * Delivered-To. */
static struct view
behind_top(struct view message, bool *delivered, struct view user)
{
	struct view rest = message, before = message;
	struct header_field f;

	*delivered = false;
	while (header_next(&rest, &f)) {
		if (!*delivered &&
		    view_eq_ci(f.name, VIEW_LIT("Delivered-To")) &&
		    is_user(f.value, user))
			*delivered = true;
		else if (!view_eq_ci(f.name, VIEW_LIT("Return-Path")) &&
		    (*delivered ||
			!view_eq_ci(f.name, VIEW_LIT("Original-Recipient"))))
			break;
		before = rest;
	}
	return before;
}

void
reply_redirect(const struct reply_env *e, struct buf *out)
{
	struct view rest = e->original, body;
	struct header_field f;
	bool delivered;

	body = behind_top(e->original, &delivered, e->user);
	(void)rest;
	buf_put_str(out, "Delivered-To: ");
	buf_put(out, e->user);
	/* the trace that Pigeonhole leaves, and looks for */
	buf_put_str(out, "\r\nX-Sieve-Redirected-From: ");
	buf_put(out, e->user);
	buf_put_str(out, "\r\n");
	/* a Return-Path further down is no concern of the next hop either */
	while (header_next(&body, &f))
		if (!view_eq_ci(f.name, VIEW_LIT("Return-Path")))
			buf_put(out, f.raw);
	buf_put(out, body);
}

bool
reply_is_loop(struct view original, struct view user, bool ours)
{
	bool delivered;
	struct view rest =
	    ours ? behind_top(original, &delivered, user) : original;
	struct header_field f;
	unsigned hops = 0;

	while (header_next(&rest, &f)) {
		hops += view_eq_ci(f.name, VIEW_LIT("Received"));
		if (hops > REPLY_HOPS_MAX ||
		    ((view_eq_ci(f.name, VIEW_LIT("Delivered-To")) ||
			 view_eq_ci(
			     f.name, VIEW_LIT("X-Sieve-Redirected-From"))) &&
			is_user(f.value, user)))
			return true;
	}
	return false;
}
