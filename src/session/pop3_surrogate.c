#include "base/base64.h"
#include "base/utf8.h"
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

/* Words and the blanks between them, unfolded: RFC 2047 section 6.2 has blanks
 * between encoded-words left out, so these must be inside. */
static void
put_encoded(struct buf *b, struct view v)
{
	AUTO_BUF struct buf text = BUF_INIT(v.n + 1);

	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] != '\r' && v.p[i] != '\n')
			buf_put_byte(&text, v.p[i]);
	put_encoded_words(b, buf_view(&text));
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

static void
put_unstructured(struct buf *b, struct view v)
{
	while (v.n > 0) {
		struct view blanks = view_sub(v, 0, run_of(v, true));
		struct view word;

		buf_put(b, blanks);
		view_skip(&v, blanks.n);
		word = view_sub(v, 0, run_of(v, false));
		if (!utf8_ascii(word)) {
			word = view_sub(v, 0, encoded_run(v));
			put_encoded(b, word);
		} else
			buf_put(b, word);
		view_skip(&v, word.n);
	}
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

/* A quoted-string: of a name, encoded-words take its place. */
static void
put_quoted(struct buf *b, struct view v)
{
	AUTO_BUF struct buf text = BUF_INIT(v.n + 1);

	if (utf8_ascii(v)) {
		buf_put(b, v);
		return;
	}
	view_skip(&v, 1);
	if (v.n > 0 && v.p[v.n - 1] == '"') /* it may be missing */
		v.n--;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '\\' && i + 1 < v.n)
			i++;
		if (v.p[i] != '\r' && v.p[i] != '\n')
			buf_put_byte(&text, v.p[i]);
	}
	put_encoded_words(b, buf_view(&text));
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

/* The next piece of an address field, which is not empty. */
static size_t
put_piece(struct buf *b, struct view v)
{
	struct view piece = view_sub(v, 0, 1);

	switch (v.p[0]) {
	case '"':
		piece.n = enclosed(v, '"');
		put_quoted(b, piece);
		return piece.n;
	case '<':
		piece.n = enclosed(v, '>');
		put_marks(b, piece);
		return piece.n;
	case '(':
		piece.n = enclosed(v, ')');
		put_marks(b, piece);
		return piece.n;
	}
	if (!ends_word(v.p[0]))
		piece.n = atom(v);
	if (!is_name(piece)) {
		put_marks(b, piece);
		return piece.n;
	}
	piece.n = name_run(v);
	put_encoded(b, piece);
	return piece.n;
}

static void
put_addresses(struct buf *b, struct view v)
{
	while (v.n > 0)
		view_skip(&v, put_piece(b, v));
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
