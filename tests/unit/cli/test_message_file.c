/* message_file: messages as they lie in files */
#include "cli/message_file.h"

#include "store/account_help.h"

static const struct {
	const char *in, *want;
} texts[] = {
	{ "", "" },
	{ "a", "a" },
	{ "a\nb\n", "a\r\nb\r\n" },
	{ "a\r\nb\r\n", "a\r\nb\r\n" },
	{ "a\nb\r\nc\n", "a\r\nb\r\nc\r\n" },
	{ "\n", "\r\n" },
	{ "\n\n\n", "\r\n\r\n\r\n" },
	{ "\r\n\n", "\r\n\r\n" },
	{ "a\rb\n", "a\rb\r\n" },
	{ "a\r\r\n", "a\r\r\n" },
	{ "a\r", "a\r" },
	{ "a\n\r", "a\r\n\r" },
};

static const struct {
	const char *in, *want;
} bodies[] = {
	{ "From a@b Sat Nov 21 20:00:00 2026\nSubject: x\n", "Subject: x\n" },
	{ "From a@b\r\nSubject: x\r\n", "Subject: x\r\n" },
	{ "Subject: x\nFrom a\n", "Subject: x\nFrom a\n" },
	{ "From: a@b\n", "From: a@b\n" },
	{ "From nowhere", "From nowhere" },
	{ "", "" },
};

static void
test_spool(struct account *a)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct view in = view_str(texts[i].in);
		struct spool *s;

		MUST(spool_open(a, 0, &s));
		MUST(message_file_spool(s, in));
		MUST(spool_finish(s));
		tap_ok(view_eq(spool_view(s), view_str(texts[i].want)),
		    "text %zu: %llu octets", i,
		    (unsigned long long)spool_size(s));
		spool_free(&s);
	}
}

/* NUL stays, and so does all else but a bare LF. */
static void
test_octets(struct account *a)
{
	uint8_t in[256], want[257];
	struct spool *s;

	for (unsigned i = 0, n = 0; i < 256; i++) {
		in[i] = (uint8_t)i;
		if (i == '\n')
			want[n++] = '\r';
		want[n++] = (uint8_t)i;
	}
	MUST(spool_open(a, sizeof(in), &s));
	MUST(message_file_spool(s, (struct view){ in, sizeof(in) }));
	MUST(spool_finish(s));
	tap_ok(view_eq(spool_view(s), (struct view){ want, sizeof(want) }),
	    "every octet");
	spool_free(&s);
}

int
main(void)
{
	char path[64];
	int dir = account_dir_make(path);
	struct account *a = account_must(dir, true, NULL);

	test_spool(a);
	test_octets(a);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		tap_ok(view_eq(message_file_body(view_str(bodies[i].in)),
			   view_str(bodies[i].want)),
		    "body %zu", i);
	account_close(&a);
	close(dir);
	account_dir_remove(path);
	return tap_done();
}
