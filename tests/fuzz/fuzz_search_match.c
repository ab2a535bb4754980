#include <stdlib.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "mail/charset.h"
#include "mail/fold.h"
#include "search/match.h"
#include "search/subject.h"
#include "search/thread.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Fold all of it and look: what every faster way must agree with. */
static bool
plainly_has(struct view text, const struct match_needle *n)
{
	AUTO_BUF struct buf utf8, folded;

	buf_init(&utf8, 1 << 24);
	buf_init(&folded, 1 << 28);
	charset_put_utf8(text, &utf8);
	fold_text(buf_view(&utf8), &folded);
	return fold_find(buf_view(&folded), n->folded) <= folded.n;
}

static void
check_body(struct matcher *x, struct view body, const struct match_needle *n)
{
	struct match_message m;
	AUTO_BUF struct buf b;

	buf_init(&b, 1 << 24);
	buf_put_str(&b, "Content-Type: text/plain; charset=utf-8\r\n\r\n");
	buf_put(&b, body);
	match_message_init(&m, buf_view(&b), (struct view){ 0 });
	if (match_text(x, &m, false, n) != plainly_has(body, n))
		abort();
}

/* The summary must change nothing. */
static void
check_summary(struct matcher *x, struct view msg, const struct match_needle *n,
    const struct match_field *f)
{
	struct match_message with, without;
	AUTO_BUF struct buf b;

	buf_init(&b, SUMMARY_MAX);
	summary_write(msg, &b);
	match_message_init(&with, msg, buf_view(&b));
	match_message_init(&without, msg, (struct view){ 0 });
	if (match_header(x, &with, f, n) != match_header(x, &without, f, n) ||
	    match_text(x, &with, false, n) !=
		match_text(x, &without, false, n) ||
	    match_text(x, &with, true, n) != match_text(x, &without, true, n))
		abort();
}

static void
check_words(struct view text, struct arena *a)
{
	AUTO_BUF struct buf b;
	struct view rest = text, id;

	buf_init(&b, 1 << 24);
	subject_base(text, &b, NULL);
	if (b.failed || b.n > SUBJECT_MAX * 8 * FOLD_GROWTH)
		abort();
	while (thread_next_id(&rest, a, &id))
		if (id.n < 2 || memchr(id.p, '@', id.n) == NULL)
			abort();
	if (rest.n != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA struct arena *a = arena_new(1 << 26);
	const uint8_t *cut = size > 0 ? memchr(data, '\n', size) : NULL;
	struct matcher *x;
	struct match_needle n;
	struct match_field f;
	struct view needle, msg;

	if (cut == NULL)
		return 0;
	needle = (struct view){ data, (size_t)(cut - data) };
	msg = (struct view){ cut + 1, size - needle.n - 1 };
	if (!utf8_valid(needle) || memchr(needle.p, 0, needle.n) != NULL ||
	    memmem(needle.p, needle.n, "\xef\xbf\xbd", 3) != NULL)
		return 0; /* U+FFFD stands for what cannot be read */
	if (!match_needle_init(&n, needle, a) ||
	    !match_field_init(&f, VIEW_LIT("subject"), a))
		return 0;
	x = matcher_new();
	check_body(x, msg, &n);
	check_summary(x, msg, &n, &f);
	matcher_free(&x);
	check_words(msg, a);
	return 0;
}
