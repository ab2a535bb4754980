/*
 * Charsets through constant tables (charset_table.h) where there are some, else
 * through iconv. The names are a closed list: it says what writers
 * mean by a name rather than what a registry says, and a sandboxed process can
 * open only what was loaded before.
 *
 * ISO-2022-JP is unwrapped here to CP932, because iconv's own converters know
 * neither the half-width kana nor the NEC and IBM characters that mail under
 * this name has in practice (CP50220, CP50221).
 */

#include "mail/charset.h"

#include <assert.h>
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "mail/charset_table.h"

#define HELD_MAX 32
#define PIECE 2048 /* bytes converted at a time */

enum charset_form { FORM_UTF8, FORM_CODE, FORM_JIS };

struct charset {
	enum charset_form form;
	const struct charset_table *table; /* of FORM_CODE and FORM_JIS, or */
	iconv_t cd;                        /* this; (iconv_t)-1: none */
	uint8_t held[HELD_MAX]; /* the start of a character, or of an escape */
	size_t held_n;
	/* FORM_JIS */
	uint8_t esc[4];
	size_t esc_n;
	uint8_t set;   /* '(': bytes as they are, 'I': kana, '$': two bytes,
	                * 'D': two bytes of JIS X 0212, which CP932 lacks */
	bool shifted;  /* after SO */
	uint8_t first; /* of two bytes; 0: none */
};

/* The code of entries whose escapes are unwrapped here. */
#define JIS "ISO-2022-JP"

static const struct {
	const char *name; /* lower case */
	const char *code; /* for iconv; NULL: UTF-8, done here */
} charsets[] = {
	{ "us-ascii", NULL },
	{ "utf-8", NULL },
	{ "", NULL },
	{ "utf8", NULL },
	{ "ascii", NULL },
	{ "ansi_x3.4-1968", NULL },
	{ "iso646-us", NULL },
	{ "646", NULL },
	{ "utf8mb4", NULL },
	{ "unicode-1-1-utf-8", NULL },
	{ "cp65001", NULL },
	{ "unknown-8bit", NULL },
	{ "unknown", NULL },
	{ "x-unknown", NULL },
	{ "x-user-defined", NULL },
	{ "8bit", NULL },
	{ "7bit", NULL },
	{ "binary", NULL },
	{ "default", NULL },
	{ "default_charset", NULL },
	{ "_autodetect", NULL },
	{ "none", NULL },
	{ "iso-8859-1", "CP1252" },
	{ "iso8859-1", "CP1252" },
	{ "iso_8859-1", "CP1252" },
	{ "latin1", "CP1252" },
	{ "latin-1", "CP1252" },
	{ "l1", "CP1252" },
	{ "windows-1252", "CP1252" },
	{ "cp1252", "CP1252" },
	{ "cp-1252", "CP1252" },
	{ "x-ansi", "CP1252" },
	{ "ansi", "CP1252" },
	{ "iso-8859-2", "ISO-8859-2" },
	{ "iso8859-2", "ISO-8859-2" },
	{ "latin2", "ISO-8859-2" },
	{ "iso-8859-3", "ISO-8859-3" },
	{ "iso-8859-4", "ISO-8859-4" },
	{ "iso-8859-5", "ISO-8859-5" },
	{ "iso-8859-6", "ISO-8859-6" },
	{ "iso-8859-6-i", "ISO-8859-6" },
	{ "iso-8859-7", "ISO-8859-7" },
	{ "iso-8859-8", "ISO-8859-8" },
	{ "iso-8859-8-i", "ISO-8859-8" },
	{ "iso-8859-9", "CP1254" },
	{ "iso8859-9", "CP1254" },
	{ "latin5", "CP1254" },
	{ "iso-8859-10", "ISO-8859-10" },
	{ "iso-8859-11", "CP874" },
	{ "iso-8859-13", "ISO-8859-13" },
	{ "iso-8859-14", "ISO-8859-14" },
	{ "iso-8859-15", "ISO-8859-15" },
	{ "iso8859-15", "ISO-8859-15" },
	{ "latin9", "ISO-8859-15" },
	{ "latin-9", "ISO-8859-15" },
	{ "iso-8859-16", "ISO-8859-16" },
	{ "windows-1250", "CP1250" },
	{ "cp1250", "CP1250" },
	{ "windows-1251", "CP1251" },
	{ "cp1251", "CP1251" },
	{ "windows-1253", "CP1253" },
	{ "windows-1254", "CP1254" },
	{ "windows-1255", "CP1255" },
	{ "windows-1256", "CP1256" },
	{ "windows-1257", "CP1257" },
	{ "windows-1258", "CP1258" },
	{ "windows-874", "CP874" },
	{ "tis-620", "CP874" },
	{ "koi8-r", "KOI8-R" },
	{ "koi8r", "KOI8-R" },
	{ "koi8-u", "KOI8-U" },
	{ "ibm437", "CP437" },
	{ "cp437", "CP437" },
	{ "ibm850", "CP850" },
	{ "cp850", "CP850" },
	{ "ibm852", "CP852" },
	{ "ibm855", "CP855" },
	{ "ibm866", "CP866" },
	{ "cp866", "CP866" },
	{ "macintosh", "MACINTOSH" },
	{ "x-mac-roman", "MACINTOSH" },
	{ "x-mac-cyrillic", "MAC-CYRILLIC" },
	{ "viscii", "VISCII" },
	{ "utf-7", "UTF-7" },
	{ "unicode-1-1-utf-7", "UTF-7" },
	{ "utf-16", "UTF-16" },
	{ "utf-16le", "UTF-16LE" },
	{ "utf-16be", "UTF-16BE" },
	{ "utf-32", "UTF-32" },
	{ "utf-32le", "UTF-32LE" },
	{ "utf-32be", "UTF-32BE" },
	{ "ucs-2", "UTF-16" },
	{ "iso-10646-ucs-2", "UTF-16BE" },
	{ "iso-2022-jp", JIS },
	{ "iso-2022-jp-1", "ISO-2022-JP-2" },
	{ "iso-2022-jp-ms", JIS },
	{ "csiso2022jp", JIS },
	{ "x-iso-2022-jp", JIS },
	{ "iso2022-jp", JIS },
	{ "iso2022jp", JIS },
	{ "jis", JIS },
	{ "cp50220", JIS },
	{ "cp50221", JIS },
	{ "cp50222", JIS },
	{ "iso-2022-jp-2", "ISO-2022-JP-2" },
	{ "iso-2022-jp-3", "ISO-2022-JP-3" },
	{ "iso-2022-jp-2004", "ISO-2022-JP-3" },
	{ "shift_jis", "CP932" },
	{ "shift-jis", "CP932" },
	{ "shiftjis", "CP932" },
	{ "sjis", "CP932" },
	{ "x-sjis", "CP932" },
	{ "x-ms-cp932", "CP932" },
	{ "ms_kanji", "CP932" },
	{ "csshiftjis", "CP932" },
	{ "windows-31j", "CP932" },
	{ "cswindows31j", "CP932" },
	{ "cp932", "CP932" },
	{ "ms932", "CP932" },
	{ "windows-932", "CP932" },
	{ "shift_jisx0213", "SHIFT_JISX0213" },
	{ "shift_jis-2004", "SHIFT_JISX0213" },
	{ "euc-jp", "EUC-JP-MS" },
	{ "eucjp", "EUC-JP-MS" },
	{ "x-euc-jp", "EUC-JP-MS" },
	{ "x-euc", "EUC-JP-MS" },
	{ "eucjp-ms", "EUC-JP-MS" },
	{ "eucjp-win", "EUC-JP-MS" },
	{ "cp51932", "EUC-JP-MS" },
	{ "euc-jisx0213", "EUC-JISX0213" },
	{ "gb2312", "GB18030" },
	{ "gb_2312-80", "GB18030" },
	{ "gb-2312", "GB18030" },
	{ "gbk", "GB18030" },
	{ "x-gbk", "GB18030" },
	{ "cp936", "GB18030" },
	{ "ms936", "GB18030" },
	{ "windows-936", "GB18030" },
	{ "gb18030", "GB18030" },
	{ "euc-cn", "GB18030" },
	{ "csgb2312", "GB18030" },
	{ "iso-2022-cn", "ISO-2022-CN" },
	{ "big5", "BIG5-HKSCS" },
	{ "big-5", "BIG5-HKSCS" },
	{ "x-x-big5", "BIG5-HKSCS" },
	{ "csbig5", "BIG5-HKSCS" },
	{ "cp950", "BIG5-HKSCS" },
	{ "big5-hkscs", "BIG5-HKSCS" },
	{ "euc-tw", "EUC-TW" },
	{ "euc-kr", "CP949" },
	{ "euckr", "CP949" },
	{ "ks_c_5601-1987", "CP949" },
	{ "ks_c_5601", "CP949" },
	{ "ksc5601", "CP949" },
	{ "ks_c_5601-1989", "CP949" },
	{ "korean", "CP949" },
	{ "cp949", "CP949" },
	{ "ms949", "CP949" },
	{ "uhc", "CP949" },
	{ "iso-2022-kr", "ISO-2022-KR" },
	{ "johab", "JOHAB" },
};

#define CHARSETS (sizeof(charsets) / sizeof(charsets[0]))

static size_t
find(struct view name)
{
	size_t i;

	while (name.n > 0 && (name.p[0] == ' ' || name.p[0] == '"'))
		view_skip(&name, 1);
	while (name.n > 0 &&
	    (name.p[name.n - 1] == ' ' || name.p[name.n - 1] == '"'))
		name.n--;
	if (name.n > CHARSET_NAME_MAX)
		return CHARSETS;
	for (i = 0; i < CHARSETS; i++)
		if (view_eq_ci(name, view_str(charsets[i].name)))
			break;
	return i;
}

static bool
is_jis(size_t i)
{
	return charsets[i].code != NULL && strcmp(charsets[i].code, JIS) == 0;
}

/* What converts the text of entry i, after unwrapping if it needs that. */
static const char *
code_of(size_t i)
{
	return is_jis(i) ? "CP932" : charsets[i].code;
}

static const struct charset_table *
table_of(const char *code)
{
	for (size_t i = 0; i < charset_table_count; i++)
		if (strcmp(charset_tables[i].code, code) == 0)
			return &charset_tables[i];
	return NULL;
}

bool
charset_is_known(struct view name)
{
	struct charset *c;

	if (charset_open(name, &c) != CHARSET_OK)
		return false;
	charset_close(&c);
	return true;
}

enum charset_result
charset_open(struct view name, struct charset **out)
{
	size_t i = find(name);
	const char *code;
	struct charset *c;

	*out = NULL;
	if (i == CHARSETS)
		return CHARSET_UNKNOWN;
	code = code_of(i);
	c = xcalloc(1, sizeof(*c));
	c->cd = (iconv_t)-1;
	c->set = '(';
	if (code != NULL) {
		c->form = is_jis(i) ? FORM_JIS : FORM_CODE;
		c->table = table_of(code);
		if (c->table == NULL)
			c->cd = iconv_open("UTF-8", code);
		if (c->table == NULL && c->cd == (iconv_t)-1) {
			charset_close(&c);
			return CHARSET_UNKNOWN;
		}
	}
	*out = c;
	return CHARSET_OK;
}

void
charset_close(struct charset **c)
{
	if (*c != NULL && (*c)->cd != (iconv_t)-1)
		iconv_close((*c)->cd);
	free(*c);
	*c = NULL;
}

static void
put_replacement(struct buf *out)
{
	buf_put(out, VIEW_LIT("\xef\xbf\xbd"));
}

/* Valid UTF-8 in; NUL is replaced. */
static void
put_valid(struct view in, struct buf *out)
{
	while (in.n > 0) {
		const uint8_t *z = memchr(in.p, 0, in.n);
		size_t n = z != NULL ? (size_t)(z - in.p) : in.n;

		buf_put(out, view_sub(in, 0, n));
		view_skip(&in, n);
		if (in.n > 0) {
			put_replacement(out);
			view_skip(&in, 1);
		}
	}
}

/* Returns how many bytes at the end are the start of a character. */
static size_t
put_utf8(struct view in, struct buf *out)
{
	while (in.n > 0) {
		size_t n = utf8_valid_start(in);

		put_valid(view_sub(in, 0, n), out);
		view_skip(&in, n);
		if (in.n == 0)
			break;
		if (utf8_is_cut(in))
			return in.n;
		put_replacement(out);
		view_skip(&in, 1);
	}
	return 0;
}

void
charset_put_utf8(struct view in, struct buf *out)
{
	for (size_t n = put_utf8(in, out); n > 0; n--)
		put_replacement(out);
}

/* A code point below 0x10000 that is no surrogate; NUL and 0 (there is none)
 * become U+FFFD. */
static size_t
put_code(uint16_t code, uint8_t *o)
{
	if (code == 0)
		code = 0xfffd;
	if (code < 0x80) {
		o[0] = (uint8_t)code;
		return 1;
	}
	if (code < 0x800) {
		o[0] = (uint8_t)(0xc0 | code >> 6);
		o[1] = (uint8_t)(0x80 | (code & 0x3f));
		return 2;
	}
	o[0] = (uint8_t)(0xe0 | code >> 12);
	o[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
	o[2] = (uint8_t)(0x80 | (code & 0x3f));
	return 3;
}

/* The character at in (not empty), *used its length; where it is none that
 * is 1 and the answer 0. *used 0: it is cut. */
static uint16_t
table_take(const struct charset_table *t, struct view in, size_t *used)
{
	uint16_t node = t->root;

	for (size_t i = 0; i < in.n; i++) {
		const struct charset_node *n = &charset_nodes[node];
		unsigned b = (unsigned)in.p[i] - n->lo;
		uint16_t code = b < n->n ? charset_rows[n->at + b] : 0;

		if (code == 0 ||
		    (unsigned)code - CHARSET_CHILD >= CHARSET_CHILDREN) {
			*used = code == 0 ? 1 : i + 1;
			return code;
		}
		node = (uint16_t)(code - CHARSET_CHILD);
	}
	*used = 0;
	return 0;
}

/* As iconv_put() below. */
static size_t
table_put(const struct charset *c, struct view in, struct buf *out)
{
	uint8_t to[PIECE];
	size_t n = 0, used;

	while (in.n > 0) {
		uint16_t code = table_take(c->table, in, &used);

		if (used == 0)
			break;
		view_skip(&in, used);
		n += put_code(code, to + n);
		if (n > sizeof(to) - 4) {
			buf_put(out, (struct view){ to, n });
			n = 0;
		}
	}
	buf_put(out, (struct view){ to, n });
	return in.n;
}

/* Feed a piece that may start with what was held; the same for the end. */
static size_t
iconv_put(struct charset *c, struct view in, struct buf *out)
{
	char to[PIECE];
	char *p = (char *)(uintptr_t)in.p;
	size_t left = in.n;

	while (left > 0) {
		char *o = to;
		size_t room = sizeof(to);
		size_t r = iconv(c->cd, &p, &left, &o, &room);
		int err = errno;

		put_valid(
		    (struct view){ (uint8_t *)to, (size_t)(o - to) }, out);
		if (r != (size_t)-1 || err == E2BIG)
			continue;
		if (err == EINVAL && left <= HELD_MAX / 2)
			return left;
		put_replacement(out);
		p++;
		left--;
	}
	return 0;
}

/* What is left is the start of a character. */
static size_t
put_piece(struct charset *c, struct view in, struct buf *out)
{
	if (c->form == FORM_UTF8)
		return put_utf8(in, out);
	return c->table != NULL ? table_put(c, in, out) : iconv_put(c, in, out);
}

/* Put in front what the last piece left over. */
static void
put_held(struct charset *c, struct view in, struct buf *out)
{
	size_t left;

	while (in.n > 0 && c->held_n > 0) {
		uint8_t joined[HELD_MAX];
		size_t n = c->held_n;

		memcpy(joined, c->held, n);
		joined[n++] = in.p[0];
		view_skip(&in, 1);
		left = put_piece(c, (struct view){ joined, n }, out);
		memcpy(c->held, joined + n - left, left);
		c->held_n = left;
	}
	left = put_piece(c, in, out);
	if (left > 0) {
		memcpy(c->held, in.p + in.n - left, left);
		c->held_n = left;
	}
}

/* ESC ( B and the like, all four that mail has (RFC 1468, CP50221), JIS X
 * 0212 (RFC 2237); true when the escape is complete, or is none. */
static bool
jis_escape(struct charset *c)
{
	const uint8_t *e = c->esc;

	if (c->esc_n < 3)
		return c->esc_n == 2 && e[1] != '(' && e[1] != '$';
	if (e[1] == '$' && e[2] == '(' && c->esc_n < 4)
		return false;
	if (e[1] == '(')
		c->set = e[2] == 'I' ? 'I' : '(';
	else
		c->set = c->esc_n == 4 && e[3] == 'D' ? 'D' : '$';
	return true;
}

/* Row and cell, both from 0x21, to Shift_JIS. */
static size_t
put_sjis(uint8_t row, uint8_t cell, uint8_t *o)
{
	o[0] = (uint8_t)((row - 0x21) / 2 + (row < 0x5f ? 0x81 : 0xc1));
	if (row % 2 == 0)
		o[1] = (uint8_t)(cell + 0x7e);
	else
		o[1] = (uint8_t)(cell + (cell < 0x60 ? 0x1f : 0x20));
	return 2;
}

/* Bytes outside the range for graphic characters. */
static size_t
jis_control(struct charset *c, uint8_t b, uint8_t *o)
{
	if (b == '\n' || b == '\r') { /* a line starts in ASCII again */
		c->set = '(';
		c->shifted = false;
	}
	o[0] = b;
	if (c->first == 0)
		return 1;
	c->first = 0;
	o[0] = 0xff; /* no character: what was cut becomes U+FFFD */
	o[1] = b;
	return 2;
}

/* One byte to CP932; at most 2 bytes at o. */
static size_t
jis_byte(struct charset *c, uint8_t b, uint8_t *o)
{
	uint8_t first = c->first;

	if (c->esc_n > 0 || b == 0x1b) {
		c->esc[c->esc_n++] = b;
		if (jis_escape(c))
			c->esc_n = 0;
		o[0] = 0xff;
		c->first = 0;
		return first != 0;
	}
	if (b == 0x0e || b == 0x0f) {
		c->shifted = b == 0x0e;
		return 0;
	}
	if ((b & 0x7f) <= 0x20 || b == 0x7f || b == 0xff)
		return jis_control(c, b, o);
	if (c->shifted || c->set == 'I')
		b |= 0x80;
	if (c->shifted || c->set == 'I' || c->set == '(') {
		o[0] = b;
		return 1;
	}
	c->first = first == 0 ? b & 0x7f : 0;
	if (first == 0)
		return 0;
	if (c->set == '$')
		return put_sjis(first, b & 0x7f, o);
	o[0] = 0xff;
	return 1;
}

static void
jis_put(struct charset *c, struct view in, struct buf *out)
{
	uint8_t sjis[PIECE];
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		n += jis_byte(c, in.p[i], sjis + n);
		if (n > sizeof(sjis) - 2 || i + 1 == in.n) {
			put_held(c, (struct view){ sjis, n }, out);
			n = 0;
		}
	}
}

void
charset_put(struct charset *c, struct view in, struct buf *out)
{
	if (in.n == 0)
		return;
	if (c->form == FORM_JIS)
		jis_put(c, in, out);
	else
		put_held(c, in, out);
}

void
charset_end(struct charset *c, struct buf *out)
{
	char to[64], *o = to;
	size_t room = sizeof(to);

	if (c->held_n > 0 || c->first != 0)
		put_replacement(out);
	c->held_n = c->esc_n = 0;
	c->set = '(';
	c->shifted = false;
	c->first = 0;
	if (c->cd == (iconv_t)-1)
		return;
	(void)iconv(c->cd, NULL, NULL, &o, &room);
	put_valid((struct view){ (uint8_t *)to, (size_t)(o - to) }, out);
	(void)iconv(c->cd, NULL, NULL, NULL, NULL);
}

enum charset_result
charset_to_utf8(struct view name, struct view in, struct buf *out)
{
	size_t i = find(name);
	struct charset *c;

	if (i < CHARSETS && charsets[i].code == NULL) {
		charset_put_utf8(in, out);
		return CHARSET_OK;
	}
	if (charset_open(name, &c) != CHARSET_OK)
		return CHARSET_UNKNOWN;
	charset_put(c, in, out);
	charset_end(c, out);
	charset_close(&c);
	return CHARSET_OK;
}

static bool
has_escape(struct view in)
{
	while (in.n >= 3) {
		const uint8_t *e = memchr(in.p, 0x1b, in.n - 2);

		if (e == NULL)
			return false;
		if ((e[1] == '$' && (e[2] == 'B' || e[2] == '@')) ||
		    (e[1] == '(' && (e[2] == 'I' || e[2] == 'J')))
			return true;
		view_skip(&in, (size_t)(e - in.p) + 1);
	}
	return false;
}

/* All high bytes come in pairs, as EUC-JP has them. */
static bool
looks_euc(struct view in)
{
	size_t pairs = 0;

	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] < 0x80)
			continue;
		if (in.p[i] < 0xa1 || i + 1 == in.n || in.p[i + 1] < 0xa1)
			return false;
		pairs++;
		i++;
	}
	return pairs > 1;
}

/* Valid Shift_JIS that has kana: their first bytes are rare in Europe. */
static bool
looks_sjis(struct view in)
{
	bool kana = false;

	for (size_t i = 0; i < in.n; i++) {
		uint8_t c = in.p[i];

		if (c < 0x80 || (c >= 0xa1 && c <= 0xdf))
			continue;
		if (c == 0x80 || c == 0xa0 || c > 0xfc || i + 1 == in.n ||
		    in.p[i + 1] < 0x40 || in.p[i + 1] == 0x7f)
			return false;
		kana |= (c == 0x82 || c == 0x83) && in.p[i + 1] >= 0x80;
		i++;
	}
	return kana;
}

static struct view
guess(struct view in)
{
	if (has_escape(in))
		return VIEW_LIT("iso-2022-jp");
	if (utf8_valid_start(in) == in.n)
		return VIEW_LIT("utf-8");
	if (looks_sjis(in))
		return VIEW_LIT("shift_jis");
	if (looks_euc(in))
		return VIEW_LIT("euc-jp");
	return VIEW_LIT("windows-1252");
}

void
charset_put_guess(struct view in, struct buf *out)
{
	if (charset_to_utf8(guess(in), in, out) != CHARSET_OK)
		charset_put_utf8(in, out);
}

/* The code of entry i, unless it needs no iconv or an earlier entry has the
 * same. */
static const char *
first_code(size_t i)
{
	const char *code = code_of(i);

	if (code == NULL || table_of(code) != NULL)
		return NULL;
	for (size_t k = 0; k < i; k++)
		if (code_of(k) != NULL && strcmp(code_of(k), code) == 0)
			return NULL;
	return code;
}

const char *
charset_preload_name(size_t i)
{
	for (size_t k = 0; k < CHARSETS; k++)
		if (first_code(k) != NULL && i-- == 0)
			return code_of(k);
	return NULL;
}

struct charset_kept {
	size_t n;
	iconv_t cd[CHARSETS];
};

struct charset_kept *
charset_preload(size_t *n)
{
	struct charset_kept *k = xcalloc(1, sizeof(*k));
	const char *code;

	for (size_t i = 0; (code = charset_preload_name(i)) != NULL; i++) {
		k->cd[k->n] = iconv_open("UTF-8", code);
		if (k->cd[k->n] != (iconv_t)-1)
			k->n++;
	}
	if (n != NULL)
		*n = k->n;
	return k;
}

void
charset_preload_free(struct charset_kept **k)
{
	if (*k == NULL)
		return;
	for (size_t i = 0; i < (*k)->n; i++)
		iconv_close((*k)->cd[i]);
	free(*k);
	*k = NULL;
}
