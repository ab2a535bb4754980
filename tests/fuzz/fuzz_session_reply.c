/*
 * Whatever a message or a script says, a reply is a message with exactly the
 * fields that it should have, in clean lines (session/reply.h).
 */
#include <stdlib.h>

#include "mail/header.h"
#include "session/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A piece up to the next 0xff. */
static struct view
piece(struct view *rest)
{
	const uint8_t *end =
	    rest->n > 0 ? memchr(rest->p, 0xff, rest->n) : NULL;
	size_t n = end != NULL ? (size_t)(end - rest->p) : rest->n;
	struct view v = view_sub(*rest, 0, n);

	view_skip(rest, end != NULL ? n + 1 : n);
	return v;
}

static bool
is_known(struct view name)
{
	static const char *const names[] = { "From", "To", "Cc", "Subject",
		"Date", "Message-ID", "In-Reply-To", "References",
		"Auto-Submitted", "Precedence", "X-Auto-Response-Suppress",
		"MIME-Version", "X-Sieve", "Content-Type",
		"Content-Transfer-Encoding" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (view_eq(name, view_str(names[i])))
			return true;
	return false;
}

/* Every field is one of ours and there once; lines end in CRLF. */
static void
check(const struct buf *b)
{
	struct view rest = buf_view(b);
	struct header_field f, g;

	if (b->failed)
		return; /* larger than its limit: nothing is sent then */
	while (header_next(&rest, &f)) {
		struct view more = rest;

		if (!is_known(f.name))
			abort();
		while (header_next(&more, &g))
			if (view_eq_ci(f.name, g.name))
				abort();
		for (size_t i = 0; i < f.raw.n; i++)
			if (f.raw.p[i] == 0 ||
			    (f.raw.p[i] == '\n' &&
				(i == 0 || f.raw.p[i - 1] != '\r')))
				abort();
	}
	if (rest.n == 0)
		abort(); /* no empty line */
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view rest = { data, size };
	struct reply_env e = { .host = VIEW_LIT("mail.example.org"),
		.user = VIEW_LIT("bob@example.org"),
		.now = 1767225600,
		.unique = 1 };
	AUTO_BUF struct buf b = BUF_INIT(4 * REPLY_MAX);
	struct sieve_vacation v = { .handle = VIEW_LIT("h") };
	struct sieve_reject r = { .ereject = size % 2 == 0 };
	struct sieve_error error = { .line = 1, .column = 1, .text = "bad" };

	v.to = piece(&rest);
	v.from = piece(&rest);
	v.subject = piece(&rest);
	v.reason = r.reason = piece(&rest);
	e.original = rest;
	reply_vacation(&e, &v, &b);
	check(&b);
	buf_clear(&b);
	reply_reject(&e, &r, v.to, v.from, v.subject, &b);
	check(&b);
	buf_clear(&b);
	reply_broken(&e, v.subject, &error, &b);
	check(&b);
	buf_clear(&b);
	reply_redirect(&e, &b);
	if (!b.failed && b.n < 31)
		abort();
	(void)!reply_is_loop(buf_view(&b), e.user, true);
	return 0;
}
