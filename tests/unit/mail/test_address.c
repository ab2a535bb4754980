#include "check.h"
#include "mail/address.h"

/* "name|adl|mailbox|host" of each, "-" for an absent part. */
static void
put_part(struct buf *b, struct view v, char end)
{
	if (v.p == NULL)
		buf_put_byte(b, '-');
	else
		buf_put(b, v);
	buf_put_byte(b, (uint8_t)end);
}

static void
list(struct view value, struct buf *b)
{
	AUTO_ARENA struct arena *a = arena_new(1 << 20);

	for (const struct address *d = address_parse(value, a); d != NULL;
	     d = d->next) {
		put_part(b, d->name, '|');
		put_part(b, d->adl, '|');
		put_part(b, d->mailbox, '|');
		put_part(b, d->host, d->next != NULL ? '\n' : ' ');
	}
}

static const struct {
	const char *text, *want;
} cases[] = {
	/* RFC 5322 appendix A */
	{ "John Doe <jdoe@machine.example>",
	    "John Doe|-|jdoe|machine.example " },
	{ "\"Joe Q. Public\" <john.q.public@example.com>",
	    "Joe Q. Public|-|john.q.public|example.com " },
	{ "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
	    "Mary Smith|-|mary|x.test\n-|-|jdoe|example.org\n"
	    "Who?|-|one|y.test " },
	{ "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" "
	  "<sysservices@example.net>",
	    "-|-|boss|nil.test\nGiant; \"Big\" "
	    "Box|-|sysservices|example.net " },
	{ "A Group:Ed Jones <joe@where.test>,joe@where.test,John "
	  "<jdoe@one.test>;",
	    "-|-|A Group|-\nEd Jones|-|joe|where.test\n-|-|joe|where.test\n"
	    "John|-|jdoe|one.test\n-|-|-|- " },
	{ "Undisclosed recipients:;",
	    "-|-|Undisclosed recipients|-\n-|-|-|- " },
	{ "(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
	    "-|-|Hidden recipients|-\n-|-|-|- " },
	{ "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
	    "Pete|-|pete|silly.test " },
	{ "Joe Q. Public <john.q.public@example.com>",
	    "Joe Q. Public|-|john.q.public|example.com " },
	{ "Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
	    "Mary Smith|@node.test|mary|example.net\n-|-|jdoe|test.example " },
	{ "John Doe <jdoe@machine(comment).  example>",
	    "John Doe|-|jdoe|machine.example " },
	{ "\"quoted local\"@example.org", "-|-|quoted local|example.org " },
	{ "a@[192.0.2.1]", "-|-|a|[192.0.2.1] " },
	{ "<@a.test,@b.test:c@d.test>", "-|@a.test,@b.test|c|d.test " },
	/* a trailing comment is the name */
	{ "jdoe@example.org (John Doe)", "John Doe|-|jdoe|example.org " },
	{ "jdoe@example.org (John \\(J\\) Doe)",
	    "John (J) Doe|-|jdoe|example.org " },
	/* folding */
	{ "John\r\n Doe\r\n\t<jdoe@example.org>,\r\n b@c",
	    "John Doe|-|jdoe|example.org\n-|-|b|c " },
	/* encoded words stay */
	{ "=?ISO-2022-JP?B?GyRCQGc=?= <a@b>",
	    "=?ISO-2022-JP?B?GyRCQGc=?=|-|a|b " },
	/* broken in real life */
	{ "", "" },
	{ " , ;, ", "" },
	{ "nobody", "-|-|nobody| " },
	{ "John Doe", "-|-|John Doe| " },
	{ "John <jdoe>", "John|-|jdoe| " },
	{ "a@b; c@d", "-|-|a|b\n-|-|c|d " },
	{ "Name <a@b", "Name|-|a|b " },
	{ "Name <a@b>junk, c@d", "Name|-|a|b\n-|-|c|d " },
	{ "\"unclosed <a@b>, c@d", "\"unclosed|-|a|b\n-|-|c|d " },
	{ "(unclosed a@b", "" },
	{ "a@b (unclosed", "unclosed|-|a|b " },
	{ "<>", "-|-|| " },
	{ "MAILER-DAEMON <>", "MAILER-DAEMON|-|| " },
	{ "@b", "-|-||b " },
	{ "a@", "-|-|a| " },
	{ "a@b c@d", "-|-|a|b " },
	{ "a@b <c@d>", "a@b|-|c|d " },
	{ "c d@e (f) <g@h>, i@j", "c d@e|-|g|h\n-|-|i|j " },
	{ "'a@b' <a@b>", "'a@b'|-|a|b " },
	{ "a@b, c <d@e>", "-|-|a|b\nc|-|d|e " },
	{ "group: a@b <c@d>;", "-|-|group|-\na@b|-|c|d\n-|-|-|- " },
	{ "group: a@b, c@d", "-|-|group|-\n-|-|a|b\n-|-|c|d\n-|-|-|- " },
	{ "a b <c d@e>", "a b|-|cd|e " },
	{ "\"\" <a@b>", "-|-|a|b " },
	{ "<<a@b>>", "-|-|<a|b " },
	{ "a.@b, .c.@d", "-|-|a.|b\n-|-|.c.|d " },
	{ "a@[unclosed, b@c", "-|-|a|[unclosed\n-|-|b|c " },
	{ "\xe4\xbb\x99\xe7\x9f\xb3 <s@g>", "\xe4\xbb\x99\xe7\x9f\xb3|-|s|g " },
};

static void
test_cases(void)
{
	AUTO_BUF struct buf b;

	buf_init(&b, 10000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&b);
		list(view_str(cases[i].text), &b);
		check_str(cases[i].text, buf_view(&b), cases[i].want);
	}
}

static void
test_prefixes(void)
{
	AUTO_BUF struct buf b;

	buf_init(&b, 10000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t n = strlen(cases[i].text); n-- > 0;) {
			uint8_t *p = exact(
			    (struct view){ (const uint8_t *)cases[i].text, n });

			buf_clear(&b);
			list((struct view){ p, n }, &b);
			free(p);
		}
	tap_ok(true, "every prefix of every case is read");
}

static size_t
count(const struct address *d)
{
	size_t n = 0;

	for (; d != NULL; d = d->next)
		n++;
	return n;
}

static void
test_limits(void)
{
	AUTO_ARENA struct arena *a = arena_new(16 << 20);
	AUTO_ARENA struct arena *small = arena_new(300);
	AUTO_BUF struct buf b;

	buf_init(&b, 1 << 20);
	for (int i = 0; i < ADDRESS_MAX; i++)
		buf_put(&b, VIEW_LIT("a@b,"));
	check_num(
	    "at the limit", count(address_parse(buf_view(&b), a)), ADDRESS_MAX);
	buf_put(&b, VIEW_LIT("c@d"));
	check_num(
	    "one past it", count(address_parse(buf_view(&b), a)), ADDRESS_MAX);
	tap_ok(count(address_parse(buf_view(&b), small)) > 0,
	    "a full arena cuts the list");
}

/* Nests and repetitions of what costs look-ahead: must not take long. */
static void
test_hostile(void)
{
	static const char *const units[] = { "(", "\"\\", "<@,", "a@[,", "<",
		":", "@", ".", "a:", "\\(" };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		AUTO_ARENA struct arena *a = arena_new(64 << 20);
		AUTO_BUF struct buf b;

		buf_init(&b, 4 << 20);
		while (b.n < 1 << 20)
			buf_put_str(&b, units[i]);
		(void)!count(address_parse(buf_view(&b), a));
		tap_ok(true, "a megabyte of \"%s\"", units[i]);
	}
}

/* What comes out is read again as the same. */
static void
test_specs(void)
{
	static const struct {
		const char *text, *want;
	} specs[] = {
		{ "Ann <ann@example.org>", "ann@example.org" },
		{ "\"ann.lee\"@example.org", "ann.lee@example.org" },
		{ "\"ann lee\"@example.org", "\"ann lee\"@example.org" },
		{ "\".ann\"@example.org", "\".ann\"@example.org" },
		{ "\"a\\\"b\\\\c\"@example.org",
		    "\"a\\\"b\\\\c\"@example.org" },
		{ "\"a\\\"b\"@example.org", "\"a\\\"b\"@example.org" },
		{ "\"S[r]us\"@[192.0.2.1]", "\"S[r]us\"@[192.0.2.1]" },
		{ "j\xc3\xbcrgen@example.org", "j\xc3\xbcrgen@example.org" },
	};

	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		AUTO_ARENA struct arena *a = arena_new(1 << 16);
		AUTO_BUF struct buf b = BUF_INIT(1000);
		const struct address *d =
		    address_parse(view_str(specs[i].text), a);
		const struct address *again;

		if (d == NULL) {
			tap_ok(false, "spec: %s", specs[i].text);
			continue;
		}
		address_put_spec(d, &b);
		again = address_parse(buf_view(&b), a);
		tap_ok(view_eq(buf_view(&b), view_str(specs[i].want)) &&
			again != NULL && again->next == NULL &&
			view_eq(again->mailbox, d->mailbox) &&
			view_eq(again->host, d->host),
		    "spec: %s", specs[i].text);
	}
}

/* As programs hand them over, quoted or not. */
static void
test_paths(void)
{
	static const struct {
		const char *text, *want;
	} paths[] = {
		{ "", "" },
		{ "a@b", "a@b" },
		{ "a", "a" },
		{ "john doe@example.org", "\"john doe\"@example.org" },
		{ "\"john doe\"@example.org", "\"john doe\"@example.org" },
		{ "\"a\\\"b\"@c", "\"a\\\"b\"@c" },
		{ "\"a\"b\"@c", "\"\\\"a\\\"b\\\"\"@c" },
		{ "\"a\\\"@c", "\"\\\"a\\\\\\\"\"@c" },
		{ "\"@c", "\"\\\"\"@c" },
		{ "a@b@c", "\"a@b\"@c" },
		{ ".a@b", "\".a\"@b" },
		{ "@b", "\"\"@b" },
		{ "<x>@b<c", "\"<x>\"@bc" },
		{ "j\xc3\xb6@b", "j\xc3\xb6@b" },
		{ "#@[]", "#@[]" },
		{ "a\nb@c", "\"a b\"@c" },
		{ "\"a\nb\"@c", "\"\\\"a b\\\"\"@c" },
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		AUTO_BUF struct buf b = BUF_INIT(256);

		address_put_path(view_str(paths[i].text), &b);
		tap_ok(view_eq(buf_view(&b), view_str(paths[i].want)),
		    "path: %s: got %.*s", paths[i].text, (int)b.n,
		    b.n > 0 ? (const char *)b.p : "");
	}
}

int
main(void)
{
	test_cases();
	test_specs();
	test_paths();
	test_prefixes();
	test_limits();
	test_hostile();
	return tap_done();
}
