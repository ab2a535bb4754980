/*
 * Writing. What is written a hundred thousand times in a row (numbers, flags,
 * strings) goes straight into reserved memory; what is written once a command
 * may use printf.
 */

#include "imap/response.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/num.h"
#include "base/utf8.h"
#include "imap/lexer.h"
#include "imap/utf7.h"

#define QUOTED_MAX 1000 /* bytes; longer ones become literals */
#define STATUS_MAX 1000 /* bytes of code and text */

void
response_number(struct buf *b, uint64_t n)
{
	uint8_t *p =
	    b->max - b->n >= NUM_DEC_MAX ? buf_reserve(b, NUM_DEC_MAX) : NULL;

	if (p == NULL)
		buf_put_dec(b, n); /* hardly any room left */
	else
		b->n += num_dec(n, p);
}

/* All classes of octets in v together. */
static unsigned
classes(struct view v)
{
	unsigned all = 0;

	for (size_t i = 0; i < v.n; i++)
		all |= lexer_class[v.p[i]] != 0 ? lexer_class[v.p[i]] : 0x100u;
	return all;
}

static void
quoted(struct buf *b, struct view v, unsigned all)
{
	size_t from = 0;

	buf_put_byte(b, '"');
	for (size_t i = 0; (all & LEXER_ESCAPE) != 0 && i < v.n; i++) {
		if ((lexer_class[v.p[i]] & LEXER_ESCAPE) == 0)
			continue;
		buf_put(b, view_sub(v, from, i - from));
		buf_put_byte(b, '\\');
		from = i;
	}
	buf_put(b, view_sub(v, from, v.n));
	buf_put_byte(b, '"');
}

static void
string(struct buf *b, struct view v, bool utf8, unsigned all)
{
	if (v.n > QUOTED_MAX || (all & LEXER_UNQUOTED) != 0 ||
	    ((all & LEXER_HIGH) != 0 && (!utf8 || !utf8_valid(v))))
		response_literal(b, v);
	else
		quoted(b, v, all);
}

void
response_string(struct buf *b, struct view v, bool utf8)
{
	string(b, v, utf8, classes(v));
}

void
response_astring(struct buf *b, struct view v, bool utf8)
{
	unsigned all = classes(v);

	if (v.n > 0 && v.n <= QUOTED_MAX &&
	    (all & ~(unsigned)LEXER_ASTRING) == 0 &&
	    !view_eq_ci(v, VIEW_LIT("NIL")))
		buf_put(b, v);
	else
		string(b, v, utf8, all);
}

void
response_nstring(struct buf *b, struct view v, bool utf8)
{
	if (v.p == NULL)
		buf_put(b, VIEW_LIT("NIL"));
	else
		response_string(b, v, utf8);
}

void
response_literal_head(struct buf *b, uint64_t n)
{
	buf_put_byte(b, '{');
	response_number(b, n);
	buf_put(b, VIEW_LIT("}\r\n"));
}

void
response_literal8_head(struct buf *b, uint64_t n)
{
	buf_put_byte(b, '~');
	response_literal_head(b, n);
}

void
response_literal(struct buf *b, struct view v)
{
	if (v.n > 0 && memchr(v.p, 0, v.n) != NULL)
		buf_put_byte(b, '~');
	response_literal_head(b, v.n);
	buf_put(b, v);
}

void
response_mailbox(struct buf *b, struct view name, bool utf8)
{
	AUTO_BUF struct buf wire;

	buf_init(&wire, 3 * name.n + 16); /* 1 octet, at worst "&//0-" joined */
	if (utf8 ||
	    (classes(name) & (LEXER_HIGH | LEXER_UNQUOTED | 0x100)) == 0) {
		if (utf8 || memchr(name.p, '&', name.n) == NULL) {
			response_astring(b, name, utf8);
			return;
		}
	}
	utf7_encode(name, &wire);
	response_astring(b, buf_view(&wire), false);
}

void
response_flags(
    struct buf *b, unsigned system, const struct view *keywords, size_t n)
{
	static const struct view names[] = { VIEW_LIT("\\Answered"),
		VIEW_LIT("\\Flagged"), VIEW_LIT("\\Deleted"),
		VIEW_LIT("\\Seen"), VIEW_LIT("\\Draft"), VIEW_LIT("\\Recent") };
	bool first = true;

	buf_put_byte(b, '(');
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((system & 1u << i) == 0)
			continue;
		if (!first)
			buf_put_byte(b, ' ');
		first = false;
		buf_put(b, names[i]);
	}
	for (size_t i = 0; i < n; i++) {
		if (!first)
			buf_put_byte(b, ' ');
		first = false;
		buf_put(b, keywords[i]);
	}
	buf_put_byte(b, ')');
}

/* A range with a comma before it, if it is not the first. */
static void
range(struct buf *b, bool first, uint32_t lo, uint32_t hi)
{
	if (!first)
		buf_put_byte(b, ',');
	response_number(b, lo);
	if (hi == lo)
		return;
	buf_put_byte(b, ':');
	response_number(b, hi);
}

/* How many of nums follow each other without a gap. */
static size_t
run_length(const uint32_t *nums, size_t n)
{
	size_t i = 1;

	while (i < n && nums[i] == nums[i - 1] + 1)
		i++;
	return i;
}

void
response_numbers(struct buf *b, const uint32_t *nums, size_t n)
{
	for (size_t i = 0, run; i < n; i += run) {
		run = run_length(nums + i, n - i);
		range(b, i == 0, nums[i], nums[i + run - 1]);
	}
}

void
response_ranges(struct buf *b, const struct seqset_range *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		range(b, i == 0, r[i].lo, r[i].hi);
}

static const char *const conditions[] = { "OK", "NO", "BAD", "BYE", "PREAUTH" };

void
response_begin(struct buf *b, struct view tag, enum response_condition c)
{
	buf_put(b, tag.n > 0 ? tag : VIEW_LIT("*"));
	buf_put_byte(b, ' ');
	buf_put_str(b, conditions[c]);
	buf_put_byte(b, ' ');
}

/* resp-text: what it may not have becomes "?". */
static void
text_safe(struct buf *b, struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		buf_put_byte(b, v.p[i] < 0x20 || v.p[i] > 0x7e ? '?' : v.p[i]);
}

void
response_status(struct buf *b, struct view tag, enum response_condition c,
    const char *code, const char *text)
{
	struct view v = view_str(text);

	response_begin(b, tag, c);
	if (code != NULL) {
		buf_put_byte(b, '[');
		text_safe(b, view_str(code));
		buf_put(b, VIEW_LIT("] "));
	} else if (v.n > 0 && v.p[0] == '[') { /* would be read as a code */
		buf_put_byte(b, '?');
		view_skip(&v, 1);
	}
	text_safe(b, v.n > 0 ? v : view_str(conditions[c]));
	buf_put(b, VIEW_LIT("\r\n"));
}

void
response_statusf(struct buf *b, struct view tag, enum response_condition c,
    const char *fmt, ...)
{
	char text[STATUS_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) <= 0)
		(void)snprintf(text, sizeof(text), "%s", conditions[c]);
	va_end(ap);
	response_begin(b, tag, c);
	text_safe(b, view_str(text));
	buf_put(b, VIEW_LIT("\r\n"));
}

void
response_continue(struct buf *b, struct view text)
{
	buf_put(b, VIEW_LIT("+ "));
	buf_put(b, text);
	buf_put(b, VIEW_LIT("\r\n"));
}

void
response_appenduid(
    struct buf *b, uint32_t uidvalidity, const uint32_t *uids, size_t n)
{
	buf_put(b, VIEW_LIT("[APPENDUID "));
	response_number(b, uidvalidity);
	buf_put_byte(b, ' ');
	response_numbers(b, uids, n);
	buf_put(b, VIEW_LIT("] "));
}

void
response_copyuid(struct buf *b, uint32_t uidvalidity, const uint32_t *from,
    const uint32_t *to, size_t n)
{
	buf_put(b, VIEW_LIT("[COPYUID "));
	response_number(b, uidvalidity);
	buf_put_byte(b, ' ');
	response_numbers(b, from, n);
	buf_put_byte(b, ' ');
	response_numbers(b, to, n);
	buf_put(b, VIEW_LIT("] "));
}

static void
words(struct buf *b, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_put_byte(b, ' ');
		buf_put_str(b, names[i]);
	}
}

void
response_capability(struct buf *b, const char *const *names, size_t n)
{
	buf_put(b, VIEW_LIT("* CAPABILITY"));
	words(b, names, n);
	buf_put(b, VIEW_LIT("\r\n"));
}

void
response_capability_code(struct buf *b, const char *const *names, size_t n)
{
	buf_put(b, VIEW_LIT("[CAPABILITY"));
	words(b, names, n);
	buf_put(b, VIEW_LIT("] "));
}

void
response_enabled(struct buf *b, const char *const *names, size_t n)
{
	buf_put(b, VIEW_LIT("* ENABLED"));
	words(b, names, n);
	buf_put(b, VIEW_LIT("\r\n"));
}

void
response_count(struct buf *b, uint32_t n, const char *what)
{
	buf_put(b, VIEW_LIT("* "));
	response_number(b, n);
	buf_put_byte(b, ' ');
	buf_put_str(b, what);
	buf_put(b, VIEW_LIT("\r\n"));
}

void
response_fetch_begin(struct buf *b, uint32_t seq)
{
	buf_put(b, VIEW_LIT("* "));
	response_number(b, seq);
	buf_put(b, VIEW_LIT(" FETCH ("));
}

static void
delimiter(struct buf *b, char c)
{
	uint8_t d = (uint8_t)c;

	if (c == '\0')
		buf_put(b, VIEW_LIT("NIL"));
	else
		response_string(b, (struct view){ &d, 1 }, false);
}

/* mbox-list-extended = "(" [mbox-list-extended-item ...] ")" */
static void
list_extended(struct buf *b, const struct response_list *l, bool utf8)
{
	const unsigned both =
	    COMMAND_LIST_SUBSCRIBED | COMMAND_LIST_SPECIAL_USE;

	if (l->childinfo == 0 && l->oldname.n == 0)
		return;
	buf_put(b, VIEW_LIT(" ("));
	if (l->childinfo != 0) {
		buf_put(b, VIEW_LIT("\"CHILDINFO\" ("));
		if ((l->childinfo & COMMAND_LIST_SUBSCRIBED) != 0)
			buf_put(b, VIEW_LIT("\"SUBSCRIBED\""));
		if ((l->childinfo & both) == both)
			buf_put_byte(b, ' ');
		if ((l->childinfo & COMMAND_LIST_SPECIAL_USE) != 0)
			buf_put(b, VIEW_LIT("\"SPECIAL-USE\""));
		buf_put_byte(b, ')');
	}
	if (l->oldname.n > 0) {
		buf_put_str(b, l->childinfo != 0 ? " " : "");
		buf_put(b, VIEW_LIT("\"OLDNAME\" ("));
		response_mailbox(b, l->oldname, utf8);
		buf_put_byte(b, ')');
	}
	buf_put_byte(b, ')');
}

void
response_list(
    struct buf *b, const struct response_list *l, bool lsub, bool utf8)
{
	bool first = true;

	buf_put_str(b, lsub ? "* LSUB (" : "* LIST (");
	for (unsigned bit = 1; bit <= LISTATTR_IMPORTANT; bit <<= 1) {
		if ((l->attrs & bit) == 0)
			continue;
		if (!first)
			buf_put_byte(b, ' ');
		first = false;
		buf_put_str(b, listattr_name((enum listattr)bit));
	}
	buf_put(b, VIEW_LIT(") "));
	delimiter(b, l->delimiter);
	buf_put_byte(b, ' ');
	response_mailbox(b, l->name, utf8);
	if (!lsub)
		list_extended(b, l, utf8);
	buf_put(b, VIEW_LIT("\r\n"));
}

void
response_mailbox_status(struct buf *b, struct view name,
    const struct response_mailbox_status *s, bool utf8)
{
	const struct {
		unsigned item;
		struct view word;
		uint64_t value;
	} all[] = {
		{ COMMAND_STATUS_MESSAGES, VIEW_LIT("MESSAGES "), s->messages },
		{ COMMAND_STATUS_RECENT, VIEW_LIT("RECENT "), s->recent },
		{ COMMAND_STATUS_UIDNEXT, VIEW_LIT("UIDNEXT "), s->uidnext },
		{ COMMAND_STATUS_UIDVALIDITY, VIEW_LIT("UIDVALIDITY "),
		    s->uidvalidity },
		{ COMMAND_STATUS_UNSEEN, VIEW_LIT("UNSEEN "), s->unseen },
		{ COMMAND_STATUS_DELETED, VIEW_LIT("DELETED "), s->deleted },
		{ COMMAND_STATUS_SIZE, VIEW_LIT("SIZE "), s->size },
	};
	bool first = true;

	buf_put(b, VIEW_LIT("* STATUS "));
	response_mailbox(b, name, utf8);
	buf_put(b, VIEW_LIT(" ("));
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if ((s->items & all[i].item) == 0)
			continue;
		if (!first)
			buf_put_byte(b, ' ');
		first = false;
		buf_put(b, all[i].word);
		response_number(b, all[i].value);
	}
	buf_put(b, VIEW_LIT(")\r\n"));
}

void
response_search(struct buf *b, const uint32_t *nums, size_t n)
{
	buf_put(b, VIEW_LIT("* SEARCH"));
	for (size_t i = 0; i < n; i++) {
		buf_put_byte(b, ' ');
		response_number(b, nums[i]);
	}
	buf_put(b, VIEW_LIT("\r\n"));
}

static void
esearch_pair(struct buf *b, struct view word, uint64_t n)
{
	buf_put(b, word);
	response_number(b, n);
}

/* All but ALL and the end of the line; count 0: nothing was found. */
static void
esearch_head(struct buf *b, struct view tag, bool uid, unsigned returns,
    uint32_t min, uint32_t max, uint64_t count)
{
	buf_put(b, VIEW_LIT("* ESEARCH"));
	if (tag.n > 0) {
		buf_put(b, VIEW_LIT(" (TAG "));
		response_string(b, tag, false);
		buf_put_byte(b, ')');
	}
	if (uid)
		buf_put(b, VIEW_LIT(" UID"));
	if (count > 0 && (returns & COMMAND_SEARCH_MIN) != 0)
		esearch_pair(b, VIEW_LIT(" MIN "), min);
	if (count > 0 && (returns & COMMAND_SEARCH_MAX) != 0)
		esearch_pair(b, VIEW_LIT(" MAX "), max);
	if ((returns & COMMAND_SEARCH_COUNT) != 0)
		esearch_pair(b, VIEW_LIT(" COUNT "), count);
	if (count > 0 && (returns & COMMAND_SEARCH_ALL) != 0)
		buf_put(b, VIEW_LIT(" ALL "));
}

void
response_esearch(struct buf *b, struct view tag, bool uid, unsigned returns,
    const uint32_t *nums, size_t n)
{
	esearch_head(b, tag, uid, returns, n > 0 ? nums[0] : 0,
	    n > 0 ? nums[n - 1] : 0, n);
	if ((returns & COMMAND_SEARCH_ALL) != 0)
		response_numbers(b, nums, n);
	buf_put(b, VIEW_LIT("\r\n"));
}

void
response_esearch_ranges(struct buf *b, struct view tag, bool uid,
    unsigned returns, const struct seqset_range *r, size_t n)
{
	esearch_head(b, tag, uid, returns, n > 0 ? r[0].lo : 0,
	    n > 0 ? r[n - 1].hi : 0, seqset_count(r, n));
	if ((returns & COMMAND_SEARCH_ALL) != 0)
		response_ranges(b, r, n);
	buf_put(b, VIEW_LIT("\r\n"));
}

void
response_metadata_begin(struct buf *b, struct view name, bool utf8)
{
	buf_put(b, VIEW_LIT("* METADATA "));
	response_mailbox(b, name, utf8);
	buf_put(b, VIEW_LIT(" ("));
}

void
response_metadata_changed(struct buf *b, struct view name,
    const struct view *entries, size_t n, bool utf8)
{
	buf_put(b, VIEW_LIT("* METADATA "));
	response_mailbox(b, name, utf8);
	for (size_t i = 0; i < n; i++) {
		buf_put_byte(b, ' ');
		response_astring(b, entries[i], false);
	}
	buf_put(b, VIEW_LIT("\r\n"));
}

void
response_metadata_entry(
    struct buf *b, bool first, struct view entry, struct view value, bool utf8)
{
	if (!first)
		buf_put_byte(b, ' ');
	response_astring(b, entry, false);
	buf_put_byte(b, ' ');
	response_nstring(b, value, utf8);
}

void
response_id(struct buf *b, const struct command_id_field *fields, size_t n)
{
	buf_put(b, VIEW_LIT("* ID "));
	for (size_t i = 0; i < n; i++) {
		buf_put_byte(b, i == 0 ? '(' : ' ');
		response_string(b, fields[i].name, false);
		buf_put_byte(b, ' ');
		response_nstring(b, fields[i].value, false);
	}
	buf_put_str(b, n > 0 ? ")\r\n" : "NIL\r\n");
}

void
response_namespace(struct buf *b, char delim)
{
	buf_put(b, VIEW_LIT("* NAMESPACE ((\"\" "));
	delimiter(b, delim);
	buf_put(b, VIEW_LIT(")) NIL NIL\r\n"));
}
