#include "base/base64.h"
#include "base/utf8.h"
#include "mail/encoded.h"
#include "mail/header.h"
#include "session/pop3_inside.h"

/*
 * RFC 6858 allows a surrogate to lose what ASCII cannot say. What a person
 * reads, subjects and names, is kept by encoded-words; of addresses and of
 * parameters the characters outside ASCII become "?".
 */
#define WORD_OCTETS 42 /* of text in an encoded-word: 56 in base64, 68 in all */

static void
put_encoded_words(struct buf *b, struct view text)
{
	bool first = true;

	while (text.n > 0) {
		struct view part = utf8_cut(text, WORD_OCTETS);

		view_skip(&text, part.n);
		/* a blank between two of them is not shown */
		buf_put_str(b, first ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
		base64_encode(part, b);
		buf_put_str(b, "?=");
		first = false;
	}
}

/* Characters outside ASCII as "?", one each. */
static void
put_marks(struct buf *b, struct view v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < 0x80)
			buf_put_byte(b, v.p[i]);
		else if ((v.p[i] & 0xc0) != 0x80)
			buf_put_byte(b, '?');
	}
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Bytes of the next word (blanks: false) or of the blanks before it. */
static size_t
run_of(struct view v, bool blanks)
{
	size_t n = 0;

	while (n < v.n && is_blank(v.p[n]) == blanks)
		n++;
	return n;
}

/* How far words that need encoding go, the blanks between them included. */
static size_t
encoded_run(struct view v)
{
	size_t end = run_of(v, false);

	for (;;) {
		size_t blanks = run_of(view_sub(v, end, SIZE_MAX), true);
		struct view next = view_sub(v, end + blanks, SIZE_MAX);

		next.n = run_of(next, false);
		if (next.n == 0 || utf8_ascii(next))
			return end;
		end += blanks + next.n;
	}
}

/* ---- words beside each other ---- */

/*
 * RFC 2047 section 6.2: blanks between two encoded-words are not shown. So what
 * is between ours and another one must be inside ours, too.
 */
enum last { OTHER, THEIRS, OURS }; /* encoded-words: that were there; ours */

struct words {
	struct buf *out;
	struct view blanks; /* behind what was put last; not put yet */
	enum last last;
	bool any; /* was anything put? */
};

static bool
is_encoded(struct view word)
{
	return word.n > 0 && encoded_word(word) == word.n;
}

static void
put_last(struct words *w, enum last last)
{
	w->last = last;
	w->any = true;
	w->blanks.n = 0;
}

/* What is no text of ours. */
static void
put_other(struct words *w, struct view v)
{
	/* section 5 (3): a blank has to be there */
	if (w->last == OURS && w->blanks.n == 0)
		buf_put_byte(w->out, ' ');
	buf_put(w->out, w->blanks);
	put_marks(w->out, v);
	put_last(w, is_encoded(v) ? THEIRS : OTHER);
}

/* Without line ends. */
static void
put_unfolded(struct buf *b, struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] != '\r' && v.p[i] != '\n')
			buf_put_byte(b, v.p[i]);
}

/* Text, as encoded-words. behind: blanks that an encoded-word follows. */
static void
put_encoded(struct words *w, struct view text, struct view behind)
{
	AUTO_BUF struct buf b = BUF_INIT(w->blanks.n + text.n + behind.n + 1);

	if (w->last != OTHER)
		put_unfolded(&b, w->blanks);
	put_unfolded(&b, text);
	put_unfolded(&b, behind);
	if (w->any && w->blanks.n == 0)
		buf_put_byte(w->out, ' ');
	buf_put(w->out, w->blanks);
	put_encoded_words(w->out, buf_view(&b));
	put_last(w, OURS);
}

static void
take_blanks(struct words *w, struct view *v)
{
	w->blanks = view_sub(*v, 0, run_of(*v, true));
	view_skip(v, w->blanks.n);
}

/* The blanks at the start of v, if size() finds an encoded-word behind them. */
static struct view
blanks_before_encoded(struct view v, size_t (*size)(struct view v))
{
	size_t n = run_of(v, true);
	struct view next = view_sub(v, n, SIZE_MAX);

	next.n = size(next);
	return view_sub(v, 0, is_encoded(next) ? n : 0);
}

static size_t
word_size(struct view v)
{
	return run_of(v, false);
}

static void
put_unstructured(struct buf *b, struct view v)
{
	struct words w = { .out = b };

	while (take_blanks(&w, &v), v.n > 0) {
		struct view word = view_sub(v, 0, word_size(v));

		if (utf8_ascii(word)) {
			put_other(&w, word);
		} else {
			word = view_sub(v, 0, encoded_run(v));
			put_encoded(&w, word,
			    blanks_before_encoded(
				view_sub(v, word.n, SIZE_MAX), word_size));
		}
		view_skip(&v, word.n);
	}
	buf_put(b, w.blanks);
}

/* ---- addresses ---- */

/* Bytes of what begins with open, up to its close; v.n when that is missing. */
static size_t
enclosed(struct view v, uint8_t close)
{
	for (size_t i = 1; i < v.n; i++) {
		if (v.p[i] == '\\' && close == '"')
			i++;
		else if (v.p[i] == close)
			return i + 1;
	}
	return v.n;
}

static bool
ends_word(uint8_t c)
{
	return is_blank(c) || c == '"' || c == '<' || c == ',' || c == ';' ||
	    c == ':' || c == '(';
}

/* Bytes of the atom at the start. */
static size_t
atom(struct view v)
{
	size_t n = 0;

	while (n < v.n && !ends_word(v.p[n]))
		n++;
	return n;
}

static bool
is_name(struct view v)
{
	return !utf8_ascii(v) && memchr(v.p, '@', v.n) == NULL;
}

/* As encoded_run(), of atoms. */
static size_t
name_run(struct view v)
{
	size_t end = atom(v);

	for (;;) {
		size_t blanks = run_of(view_sub(v, end, SIZE_MAX), true);
		struct view next = view_sub(v, end + blanks, SIZE_MAX);

		next.n = atom(next);
		if (blanks == 0 || next.n == 0 || !is_name(next))
			return end;
		end += blanks + next.n;
	}
}

/* A quoted-string of a name: encoded-words take its place. */
static void
put_quoted(struct words *w, struct view v, struct view behind)
{
	AUTO_BUF struct buf text = BUF_INIT(v.n + 1);

	view_skip(&v, 1);
	if (v.n > 0 && v.p[v.n - 1] == '"') /* it may be missing */
		v.n--;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '\\' && i + 1 < v.n)
			i++;
		buf_put_byte(&text, v.p[i]);
	}
	put_encoded(w, buf_view(&text), behind);
}

/* Bytes of the piece at the start of an address field, which is no blank. */
static size_t
piece_size(struct view v)
{
	switch (v.p[0]) {
	case '"':
		return enclosed(v, '"');
	case '<':
		return enclosed(v, '>');
	case '(':
		return enclosed(v, ')');
	}
	return ends_word(v.p[0]) ? 1 : atom(v);
}

static size_t
put_piece(struct words *w, struct view v)
{
	struct view piece = view_sub(v, 0, piece_size(v)), behind;
	bool quoted = v.p[0] == '"';

	if (utf8_ascii(piece) || v.p[0] == '<' || v.p[0] == '(' ||
	    (!quoted && !is_name(piece))) {
		put_other(w, piece);
		return piece.n;
	}
	if (!quoted)
		piece.n = name_run(v);
	behind = blanks_before_encoded(view_sub(v, piece.n, SIZE_MAX), atom);
	if (quoted)
		put_quoted(w, piece, behind);
	else
		put_encoded(w, piece, behind);
	return piece.n;
}

static void
put_addresses(struct buf *b, struct view v)
{
	struct words w = { .out = b };

	while (take_blanks(&w, &v), v.n > 0)
		view_skip(&v, put_piece(&w, v));
	buf_put(b, w.blanks);
}

/* ---- fields ---- */

static bool
has_addresses(struct view name)
{
	static const char *const names[] = { "From", "To", "Cc", "Bcc",
		"Reply-To", "Sender", "Resent-From", "Resent-To", "Resent-Cc",
		"Resent-Bcc", "Resent-Sender", "Mail-Followup-To",
		"Disposition-Notification-To" };

	return view_is_one_of_ci(name, names, sizeof(names) / sizeof(names[0]));
}

/* Has it a grammar that knows no encoded-words? */
static bool
is_structured(struct view name)
{
	static const char *const names[] = { "Received", "Return-Path",
		"Delivered-To", "Message-ID", "In-Reply-To", "References",
		"Content-Type", "Content-Disposition", "Content-ID",
		"Content-Transfer-Encoding", "MIME-Version", "Date",
		"DKIM-Signature", "ARC-Seal", "ARC-Message-Signature",
		"Authentication-Results", "List-ID", "List-Unsubscribe",
		"List-Post" };

	return view_is_one_of_ci(name, names, sizeof(names) / sizeof(names[0]));
}

static void
put_field(struct buf *b, const struct header_field *f)
{
	struct view raw = f->raw, line_end;
	size_t before;

	/* all up to the value; the value; the last line end */
	before = (size_t)(f->value.p - raw.p);
	line_end = view_sub(raw, before + f->value.n, SIZE_MAX);
	put_marks(b, view_sub(raw, 0, before));
	if (has_addresses(f->name))
		put_addresses(b, f->value);
	else if (is_structured(f->name))
		put_marks(b, f->value);
	else
		put_unstructured(b, f->value);
	buf_put(b, line_end);
}

void
pop3_surrogate(struct view header, struct buf *out)
{
	struct view rest = header;
	struct header_field f;

	while (header_next(&rest, &f)) {
		if (utf8_ascii(f.raw))
			buf_put(out, f.raw);
		else if (f.name.n == 0)
			put_marks(out, f.raw);
		else
			put_field(out, &f);
	}
	buf_put(out, rest);
}
