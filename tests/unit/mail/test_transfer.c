#include "check.h"
#include "mail/transfer.h"

static const struct {
	enum transfer kind;
	const char *name, *in, *want;
	bool ok;
} cases[] = {
	{ TRANSFER_BASE64, "RFC 4648 section 10", "Zm9vYmFy", "foobar", true },
	{ TRANSFER_BASE64, "one byte", "Zg==", "f", true },
	{ TRANSFER_BASE64, "two bytes", "Zm8=", "fo", true },
	{ TRANSFER_BASE64, "line ends", "Zm9v\r\nYmFy\r\n", "foobar", true },
	{ TRANSFER_BASE64, "cut inside a quantum", "Zm\r\n9v\nYm Fy", "foobar",
	    true },
	{ TRANSFER_BASE64, "no padding", "Zm8", "fo", false },
	{ TRANSFER_BASE64, "one digit left", "Zm9vY", "foo", false },
	{ TRANSFER_BASE64, "junk inside", "Zm9v!YmFy", "foobar", false },
	{ TRANSFER_BASE64, "two texts in one", "Zg==Zg==", "ff", false },
	{ TRANSFER_BASE64, "half a padding", "Zg=", "f", false },
	{ TRANSFER_BASE64, "padding alone", "=", "", false },
	{ TRANSFER_BASE64, "nothing", "", "", true },
	{ TRANSFER_QP, "RFC 2045 section 6.7",
	    "Now's the time =\r\nfor all folk to come=\r\n"
	    " to the aid of their country.",
	    "Now's the time for all folk to come to the aid of their country.",
	    true },
	{ TRANSFER_QP, "escapes", "=E4=BB=99=3d", "\xe4\xbb\x99=", true },
	{ TRANSFER_QP, "lower case", "=e4=bb=99", "\xe4\xbb\x99", true },
	{ TRANSFER_QP, "blanks at a line's end go", "a \t \r\nb  \nc ",
	    "a\r\nb\nc", true },
	{ TRANSFER_QP, "blanks inside stay", "a \t b", "a \t b", true },
	{ TRANSFER_QP, "blanks after a soft break", "a= \t\r\nb", "ab", true },
	{ TRANSFER_QP, "soft break at the end", "a=", "a", true },
	{ TRANSFER_QP, "soft break, bare LF", "a=\nb", "ab", true },
	{ TRANSFER_QP, "no digits", "a=xyz", "a=xyz", false },
	{ TRANSFER_QP, "one digit", "a=4", "a=4", false },
	{ TRANSFER_QP, "one digit and more", "a=4g", "a=4g", false },
	{ TRANSFER_QP, "equals twice", "a==41", "a=A", false },
	{ TRANSFER_QP, "equals and blank", "a= b", "a= b", false },
	{ TRANSFER_QP, "lone CR", "a=\rb", "a=\rb", false },
	{ TRANSFER_UUENCODE, "a file",
	    "text before\r\nbegin 644 x.txt\r\n#0V%T\r\n`\r\nend\r\n", "Cat",
	    true },
	{ TRANSFER_UUENCODE, "cut blanks", "begin 644 x\n$0V%T\n \nend\n",
	    "Cat", false },
	{ TRANSFER_UUENCODE, "short line", "begin 644 x\nM0V%T\n`\nend\n",
	    "Cat", false },
	{ TRANSFER_UUENCODE, "no begin", "#0V%T\n`\nend\n", "", false },
	{ TRANSFER_7BIT, "as it is", "a=41 \r\n", "a=41 \r\n", true },
	{ TRANSFER_UNKNOWN, "unknown as it is", "\xff=41", "\xff=41", true },
};

/* Decode in pieces of a size; the errors counted. */
static uint64_t
in_pieces(enum transfer kind, struct view in, size_t piece, struct buf *out)
{
	struct transfer_decoder d;

	transfer_init(&d, kind);
	while (in.n > 0) {
		struct view v = view_sub(in, 0, piece);
		uint8_t *p = exact(v);

		transfer_put(&d, (struct view){ p, v.n }, out);
		free(p);
		view_skip(&in, v.n);
	}
	transfer_end(&d, out);
	return d.errors;
}

static void
test_decode(void)
{
	AUTO_BUF struct buf b;

	buf_init(&b, 10000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct view in = view_str(cases[i].in);
		bool ok, size_ok;

		buf_clear(&b);
		ok = transfer_decode(cases[i].kind, in, &b);
		check_str(cases[i].name, buf_view(&b), cases[i].want);
		check_num("  in order", ok, cases[i].ok);
		check_num(
		    "  size", transfer_size(cases[i].kind, in, &size_ok), b.n);
		check_num("  size's order", size_ok, ok);
		for (size_t piece = 1; piece <= 3; piece++) {
			buf_clear(&b);
			ok = in_pieces(cases[i].kind, in, piece, &b) == 0;
			check_str("  in pieces", buf_view(&b), cases[i].want);
			check_num("  in pieces, order", ok, cases[i].ok);
		}
	}
}

static void
test_names(void)
{
	static const struct {
		const char *text;
		enum transfer want;
	} names[] = {
		{ "base64", TRANSFER_BASE64 },
		{ " (hi) Base64 (there)", TRANSFER_BASE64 },
		{ "\"quoted-printable\"", TRANSFER_QP },
		{ "QUOTED-PRINTABLE;", TRANSFER_QP },
		{ "", TRANSFER_7BIT },
		{ "7bit", TRANSFER_7BIT },
		{ "8-bit", TRANSFER_8BIT },
		{ "binary", TRANSFER_BINARY },
		{ "x-uuencode", TRANSFER_UUENCODE },
		{ "x-gzip64", TRANSFER_UNKNOWN },
		{ "base64x", TRANSFER_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_num(names[i].text,
		    transfer_parse(view_str(names[i].text)), names[i].want);
	for (int k = 0; k < TRANSFER_UNKNOWN; k++)
		check_num(transfer_name((enum transfer)k),
		    transfer_parse(view_str(transfer_name((enum transfer)k))),
		    (uint64_t)k);
}

static void
test_encode(void)
{
	AUTO_BUF struct buf b;

	buf_init(&b, 1000);
	transfer_put_base64_plain(VIEW_LIT("fooba"), &b);
	check_str("base64", buf_view(&b), "Zm9vYmE=");
	buf_clear(&b);
	transfer_put_base64(VIEW_LIT("0123456789012345678901234567890123456789"
				     "01234567890123456"
				     "x"),
	    &b);
	check_str("base64 in lines", buf_view(&b),
	    "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3"
	    "ODkwMTIzNDU2\r\neA==\r\n");
	buf_clear(&b);
	transfer_put_qp(VIEW_LIT("a=b \r\n\xe4\xbb\x99 \tc\r"), true, &b);
	check_str("quoted-printable text", buf_view(&b),
	    "a=3Db=20\r\n=E4=BB=99 \tc=0D");
	buf_clear(&b);
	transfer_put_qp(VIEW_LIT("a\r\n "), false, &b);
	check_str("quoted-printable binary", buf_view(&b), "a=0D=0A=20");
}

/* All bytes in blocks of every length come back; lines stay short. */
static void
test_round(void)
{
	AUTO_BUF struct buf code, back;
	uint8_t in[600];
	size_t bad = 0, col = 0;

	buf_init(&code, 10000);
	buf_init(&back, 10000);
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 167 + i / 256);
	for (size_t n = 0; n <= sizeof(in); n++) {
		struct view v = { in, n };

		for (int k = 0; k < 3; k++) {
			buf_clear(&code);
			buf_clear(&back);
			if (k == 0)
				transfer_put_base64(v, &code);
			else
				transfer_put_qp(v, k == 1, &code);
			bad += !transfer_decode(
			    k == 0 ? TRANSFER_BASE64 : TRANSFER_QP,
			    buf_view(&code), &back);
			bad += !view_eq(v, buf_view(&back));
			for (size_t i = 0; i < code.n; i++) {
				col = code.p[i] == '\n' ? 0 : col + 1;
				bad += col > 77;
			}
			col = 0;
		}
	}
	check_num("blocks that come back otherwise", bad, 0);
}

/* Longer runs of blanks than are held must not depend on the pieces. */
static void
test_long_blanks(void)
{
	AUTO_BUF struct buf in, one, two;

	buf_init(&in, 10000);
	buf_init(&one, 10000);
	buf_init(&two, 10000);
	for (int i = 0; i < 500; i++)
		buf_put_byte(&in, ' ');
	buf_put(&in, VIEW_LIT("x="));
	for (int i = 0; i < 200; i++)
		buf_put_byte(&in, '\t');
	buf_put(&in, VIEW_LIT("y"));
	(void)!transfer_decode(TRANSFER_QP, buf_view(&in), &one);
	(void)!in_pieces(TRANSFER_QP, buf_view(&in), 1, &two);
	check_bytes("long blanks", buf_view(&two), buf_view(&one));
	check_bytes("and nothing is lost", buf_view(&one), buf_view(&in));
}

int
main(void)
{
	test_decode();
	test_names();
	test_encode();
	test_round();
	test_long_blanks();
	return tap_done();
}
