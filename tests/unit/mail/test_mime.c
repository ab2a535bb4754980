#include "check.h"
#include "mail/mime.h"

/* The tree on one line: "type/subtype[bytes:lines](children)". */
static void
put_tree(const struct mime_part *p, struct view msg, struct buf *b)
{
	buf_put(b, p->type);
	buf_put_byte(b, '/');
	buf_put(b, p->subtype);
	buf_printf(b, "[%zu:%u]", p->body_n, p->lines);
	if (p->child == NULL)
		return;
	buf_put_byte(b, '(');
	for (const struct mime_part *c = p->child; c != NULL; c = c->next) {
		if (c != p->child)
			buf_put_byte(b, ' ');
		put_tree(c, msg, b);
	}
	buf_put_byte(b, ')');
}

#define MULTI(b) "Content-Type: multipart/mixed; boundary=" b "\r\n\r\n"
#define RFC822 "Content-Type: message/rfc822\r\n\r\n"

static const struct {
	const char *name, *msg, *want;
} cases[] = {
	{ "empty", "", "text/plain[0:0]" },
	{ "header only", "Subject: x\r\n", "text/plain[0:0]" },
	{ "no header", "\r\nbody\r\n", "text/plain[6:1]" },
	{ "bare LF", "A: b\n\none\ntwo", "text/plain[7:1]" },
	{ "two parts",
	    MULTI("x") "pre\r\n--x\r\n\r\none\r\n--x\r\n\r\ntwo\r\n"
		       "--x--\r\nepilogue",
	    "multipart/mixed[44:8](text/plain[3:0] text/plain[3:0])" },
	{ "bare LF parts",
	    "Content-Type: multipart/mixed; boundary=x\n\n"
	    "--x\n\none\n\n--x--\n",
	    "multipart/mixed[16:5](text/plain[4:1])" },
	{ "no close", MULTI("x") "--x\r\n\r\none\r\n",
	    "multipart/mixed[12:3](text/plain[5:1])" },
	{ "boundary never comes", MULTI("x") "text\r\n",
	    "multipart/mixed[6:1](text/plain[0:0])" },
	{ "no boundary parameter",
	    "Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\na\r\n",
	    "multipart/mixed[10:3](text/plain[0:0])" },
	{ "digest",
	    "Content-Type: multipart/digest; boundary=x\r\n\r\n"
	    "--x\r\n\r\nSubject: a\r\n\r\nhi\r\n--x--\r\n",
	    "multipart/digest[32:6](message/rfc822[16:2](text/plain[2:0]))" },
	{ "message with a multipart",
	    RFC822 MULTI("y") "--y\r\n\r\na\r\n--y--\r\n",
	    "message/rfc822[62:6](multipart/mixed[17:4](text/plain[1:0]))" },
	{ "outer boundary ends the inner part",
	    MULTI("x") "--x\r\n" MULTI("y") "--y\r\n\r\na\r\n--x\r\n\r\nb"
					    "\r\n--x--\r\n",
	    "multipart/mixed[77:10](multipart/mixed[8:2](text/plain[1:0]) "
	    "text/plain[1:0])" },
	{ "a boundary that begins another",
	    MULTI("x") "--x\r\n" MULTI("xy") "--xy\r\n\r\na\r\n--xy--\r\n"
					     "--x--\r\n",
	    "multipart/mixed[77:8](multipart/mixed[19:4](text/plain[1:0]))" },
	{ "boundary in a header", MULTI("x") "--x\r\nA: b\r\n--x\r\n\r\nc",
	    "multipart/mixed[19:4](text/plain[0:0] text/plain[1:0])" },
	{ "blanks after a boundary", MULTI("x") "--x \t\r\n\r\na\r\n--x-- \r\n",
	    "multipart/mixed[20:4](text/plain[1:0])" },
	{ "not a type", "Content-Type: nonsense\r\n\r\n", "text/plain[0:0]" },
	{ "not a type 2", "Content-Type: /\r\n\r\n", "text/plain[0:0]" },
	{ "comments", "Content-Type: (a) text (b) / (c) html (d); x=y\r\n\r\n",
	    "text/html[0:0]" },
	{ "first type counts",
	    "Content-Type: text/html\r\n"
	    "Content-Type: image/png\r\n\r\n",
	    "text/html[0:0]" },
	{ "encoded message",
	    "Content-Transfer-Encoding: base64\r\n" RFC822 "A: b\r\n\r\nx",
	    "message/rfc822[9:2](text/plain[1:0])" },
	{ "line end of a close line stays",
	    MULTI("x") "--x\r\n" RFC822 MULTI("y") "--y\r\n\r\na\r\n--y--\r\n"
						   "--x--\r\n",
	    "multipart/mixed[106:10](message/rfc822[62:6]("
	    "multipart/mixed[17:4](text/plain[1:0])))" },
};

static void
check_case(size_t i)
{
	AUTO_ARENA struct arena *a = arena_new(MIME_ARENA_MAX);
	AUTO_BUF struct buf b;
	struct view msg = view_str(cases[i].msg);

	buf_init(&b, 10000);
	put_tree(mime_parse(msg, a), msg, &b);
	check_str(cases[i].name, buf_view(&b), cases[i].want);
	for (size_t n = msg.n; n-- > 0;) {
		AUTO_ARENA struct arena *pa = arena_new(MIME_ARENA_MAX);
		uint8_t *p = exact(view_sub(msg, 0, n));
		const struct mime_part *root =
		    mime_parse((struct view){ p, n }, pa);

		if (root->header_n + root->body_n != n)
			tap_ok(false, "prefix %zu of %s", n, cases[i].name);
		free(p);
	}
}

static const char full[] =
    "Content-Type: Text/HTML; charset=\"us\\-ascii\"; (c) format = flowed\r\n"
    "Content-Transfer-Encoding: (x) Quoted-Printable\r\n"
    "Content-ID: <id@x>\r\n"
    "Content-Description: some\r\n thing\r\n"
    "Content-Disposition: attachment; filename=\"a b\"; size=3\r\n"
    "Content-Language: en, (x) ja ,, de\r\n"
    "Content-MD5: Q2hlY2s=\r\n"
    "Content-Location: http://x/\r\n"
    "\r\nabc";

static void
test_fields(void)
{
	AUTO_ARENA struct arena *a = arena_new(MIME_ARENA_MAX);
	const struct mime_part *p = mime_parse(view_str(full), a);
	const struct mime_param *l = p->languages;

	tap_ok(mime_is(p, "text", "html") && mime_is(p, "TEXT", NULL) &&
		!mime_is(p, "text", "plain"),
	    "type");
	check_str("charset",
	    mime_param_find(p->params, VIEW_LIT("CHARSET"))->value, "us-ascii");
	check_str("format",
	    mime_param_find(p->params, VIEW_LIT("format"))->value, "flowed");
	tap_ok(mime_param_find(p->params, VIEW_LIT("x")) == NULL,
	    "no such parameter");
	check_str("encoding", p->encoding_name, "Quoted-Printable");
	check_num("encoding's kind", p->encoding, TRANSFER_QP);
	check_str("id", p->id, "<id@x>");
	check_str("description", p->description, "some thing");
	check_str("disposition", p->disposition, "attachment");
	check_str("filename",
	    mime_param_find(p->disposition_params, VIEW_LIT("filename"))->value,
	    "a b");
	check_str("en", l->value, "en");
	check_str("ja", l->next->value, "ja");
	check_str("de", l->next->next->value, "de");
	check_str("md5", p->md5, "Q2hlY2s=");
	check_str("location", p->location, "http://x/");
	check_str("body", mime_body(view_str(full), p), "abc");
}

static void
test_find(void)
{
	static const char msg[] =
	    MULTI("x") "--x\r\n\r\none\r\n--x\r\n" RFC822
		       "Subject: s\r\n\r\ntwo\r\n--x\r\n" RFC822 MULTI(
			   "y") "--y\r\n\r\nthree\r\n--y--\r\n--x--\r\n";
	static const struct {
		uint32_t path[4];
		size_t n;
		const char *want; /* body; NULL: no part */
	} paths[] = {
		{ { 1 }, 1, "one" },
		{ { 2 }, 1, "Subject: s\r\n\r\ntwo" },
		{ { 2, 1 }, 2, "two" },
		{ { 2, 2 }, 2, NULL },
		{ { 2, 1, 1 }, 3, NULL },
		{ { 3, 1 }, 2, "three" },
		{ { 3, 2 }, 2, NULL },
		{ { 4 }, 1, NULL },
		{ { 0 }, 1, NULL },
		{ { 1, 1 }, 2, NULL },
	};
	AUTO_ARENA struct arena *a = arena_new(MIME_ARENA_MAX);
	const struct mime_part *root = mime_parse(view_str(msg), a);
	const uint32_t one = 1;

	tap_ok(mime_find(root, NULL, 0) == root, "no numbers: the root");
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const struct mime_part *p =
		    mime_find(root, paths[i].path, paths[i].n);

		if (paths[i].want == NULL)
			tap_ok(p == NULL, "no part %zu", i);
		else
			check_str(
			    "part", mime_body(view_str(msg), p), paths[i].want);
	}
	root = mime_parse(view_str(full), a);
	tap_ok(mime_find(root, &one, 1) == root, "1 of a plain message");
}

static size_t
depth(const struct mime_part *p)
{
	size_t n = 0;

	for (; p->child != NULL; p = p->child)
		n++;
	return n;
}

static void
test_depth(void)
{
	for (int over = 0; over <= 1; over++)
		for (int multi = 0; multi <= 1; multi++) {
			AUTO_ARENA struct arena *a = arena_new(MIME_ARENA_MAX);
			AUTO_BUF struct buf b;

			buf_init(&b, 1 << 20);
			for (int i = 0; i < MIME_DEPTH_MAX + over; i++)
				if (multi)
					buf_printf(&b,
					    MULTI("b%d.") "--b%d."
							  "\r\n",
					    i, i);
				else
					buf_put_str(&b, RFC822);
			buf_put_str(&b, "\r\nx");
			check_num("depth", depth(mime_parse(buf_view(&b), a)),
			    MIME_DEPTH_MAX);
		}
}

static void
test_counts(void)
{
	AUTO_ARENA struct arena *a = arena_new(MIME_ARENA_MAX);
	AUTO_ARENA struct arena *small = arena_new(2000);
	AUTO_ARENA struct arena *none = arena_new(1);
	AUTO_BUF struct buf b;
	const struct mime_part *root;
	size_t n = 0;

	buf_init(&b, 1 << 20);
	buf_put_str(&b, MULTI("x"));
	for (int i = 1; i < MIME_PARTS_MAX; i++)
		buf_put_str(&b, "--x\r\n\r\n");
	root = mime_parse(buf_view(&b), a);
	check_num("parts at the limit", root->n_children, MIME_PARTS_MAX - 1);
	buf_put_str(&b, "--x\r\n\r\nlast");
	root = mime_parse(buf_view(&b), a);
	check_num("one past it", root->n_children, MIME_PARTS_MAX - 1);
	check_num("the body is whole", root->header_n + root->body_n, b.n);
	root = mime_parse(buf_view(&b), small);
	tap_ok(root->n_children > 0 && root->n_children < 10,
	    "a full arena ends the parts");
	tap_ok(mime_parse(buf_view(&b), none) == NULL, "no room for the root");

	buf_clear(&b);
	buf_put_str(&b, "Content-Type: text/plain");
	for (int i = 0; i <= MIME_PARAMS_MAX; i++)
		buf_printf(&b, "; p%d=x", i);
	buf_put_str(&b, "\r\nContent-Language: en");
	for (int i = 0; i <= MIME_LANGUAGES_MAX; i++)
		buf_put_str(&b, ", en");
	root = mime_parse(buf_view(&b), a);
	for (const struct mime_param *p = root->params; p != NULL; p = p->next)
		n++;
	check_num("parameters", n, MIME_PARAMS_MAX);
	n = 0;
	for (const struct mime_param *p = root->languages; p != NULL;
	     p = p->next)
		n++;
	check_num("languages", n, MIME_LANGUAGES_MAX);
}

/* Boundaries are compared in their first MIME_BOUNDARY_MAX bytes. */
static void
test_boundary(void)
{
	char name[MIME_BOUNDARY_MAX + 10];
	AUTO_BUF struct buf b;

	buf_init(&b, 10000);
	for (size_t n = MIME_BOUNDARY_MAX; n <= MIME_BOUNDARY_MAX + 1; n++) {
		AUTO_ARENA struct arena *a = arena_new(MIME_ARENA_MAX);

		memset(name, 'b', n);
		name[n] = '\0';
		buf_clear(&b);
		buf_printf(&b, MULTI("%s") "--%s\r\n\r\na\r\n--%s--\r\n", name,
		    name, name);
		check_num("long boundary",
		    mime_parse(buf_view(&b), a)->child->body_n, 1);
	}
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_case(i);
	test_fields();
	test_find();
	test_depth();
	test_counts();
	test_boundary();
	return tap_done();
}
