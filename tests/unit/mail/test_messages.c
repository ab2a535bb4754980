/*
 * Messages from files: those of source 001's figures, and Japanese ones. The
 * folder of the vectors is the first argument.
 */

#include <fcntl.h>

#include "base/fd.h"
#include "check.h"
#include "mail/charset.h"
#include "mail/date.h"
#include "mail/encoded.h"
#include "mail/header.h"
#include "mail/mime.h"
#include "mail/summary.h"

#define FILE_MAX 65536

static const char *folder;

/* The file with CRLF line ends. */
static void
load(const char *name, struct buf *out)
{
	char path[1024];
	static uint8_t raw[FILE_MAX];
	AUTO_CLOSE int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, raw, sizeof(raw)) : -1;
	tap_ok(n > 0, "%s can be read", name);
	buf_clear(out);
	for (ssize_t i = 0; i < n; i++) {
		if (raw[i] == '\n' && (i == 0 || raw[i - 1] != '\r'))
			buf_put_byte(out, '\r');
		buf_put_byte(out, raw[i]);
	}
}

static const struct view three[] = { { (const uint8_t *)"DATE", 4 },
	{ (const uint8_t *)"FROM", 4 }, { (const uint8_t *)"SUBJECT", 7 } };

/* Sizes and header fields of figures 6, 8 and 9. */
static void
test_source001(void)
{
	static const struct {
		const char *file;
		size_t size, fields;
		int64_t date;
	} want[] = {
		{ "source001/1.eml", 470, 106, 946652462 },
		{ "source001/2.eml", 474, 71, 1005380021 },
		{ "source001/3.eml", 267, 64, 1010300921 },
	};
	AUTO_BUF struct buf msg, out, sum;
	struct summary s;

	buf_init(&msg, FILE_MAX * 2);
	buf_init(&out, FILE_MAX);
	buf_init(&sum, SUMMARY_MAX);
	for (size_t i = 0; i < 3; i++) {
		load(want[i].file, &msg);
		check_num("octets", msg.n, want[i].size);
		buf_clear(&out);
		buf_clear(&sum);
		header_filter(buf_view(&msg), three, 3, false, &out);
		check_num("HEADER.FIELDS", out.n, want[i].fields);
		summary_write(buf_view(&msg), &sum);
		tap_ok(summary_read(buf_view(&sum), &s), "summary");
		check_num(
		    "sent", (uint64_t)s.sent.seconds, (uint64_t)want[i].date);
		buf_clear(&out);
		header_filter(s.common, three, 3, false, &out);
		check_num("the same from the summary", out.n, want[i].fields);
	}
	check_str("figure 8's third", buf_view(&out),
	    "Date: Sun, 06 Jan 2002 16:08:41 +0900\r\n"
	    "From: sengoku@gcd.org\r\n\r\n");
	buf_clear(&out);
	charset_put_guess(
	    view_sub(buf_view(&msg), header_size(buf_view(&msg)), msg.n), &out);
	check_str("figure 9's body", buf_view(&out),
	    "From \xe3\x81\xae\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88\r\n");
}

/* The decoded text of the first leaf. */
static void
first_text(struct view msg, const struct mime_part *p, struct buf *out)
{
	AUTO_BUF struct buf raw;
	const struct mime_param *c;

	while (p->child != NULL)
		p = p->child;
	buf_init(&raw, FILE_MAX * 2);
	(void)!transfer_decode(p->encoding, mime_body(msg, p), &raw);
	c = mime_param_find(p->params, VIEW_LIT("charset"));
	tap_ok(charset_to_utf8(c != NULL ? c->value : VIEW_LIT(""),
		   buf_view(&raw), out) == CHARSET_OK,
	    "charset");
}

static void
check_text(const char *file, const char *subject, const char *text)
{
	AUTO_ARENA struct arena *a = arena_new(MIME_ARENA_MAX);
	AUTO_BUF struct buf msg, out;
	struct header_field f;

	buf_init(&msg, FILE_MAX * 2);
	buf_init(&out, FILE_MAX * 2);
	load(file, &msg);
	if (header_find(buf_view(&msg), VIEW_LIT("Subject"), &f))
		encoded_decode(f.value, &out);
	check_str(subject, buf_view(&out), subject);
	buf_clear(&out);
	first_text(buf_view(&msg), mime_parse(buf_view(&msg), a), &out);
	tap_ok(out.n > 0 && memmem(out.p, out.n, text, strlen(text)) != NULL &&
		memmem(out.p, out.n, "\xef\xbf\xbd", 3) == NULL,
	    "has %s", text);
}

static void
check_name(const char *file, uint32_t part, const char *field,
    const char *param, const char *want)
{
	AUTO_ARENA struct arena *a = arena_new(MIME_ARENA_MAX);
	AUTO_BUF struct buf msg, out;
	const struct mime_part *p;
	struct header_field f;

	buf_init(&msg, FILE_MAX * 2);
	buf_init(&out, FILE_MAX);
	load(file, &msg);
	p = mime_find(mime_parse(buf_view(&msg), a), &part, 1);
	tap_ok(p != NULL, "part %u", part);
	if (p != NULL &&
	    header_find(mime_header(buf_view(&msg), p), view_str(field), &f)) {
		const uint8_t *semi = memchr(f.value.p, ';', f.value.n);

		tap_ok(semi != NULL &&
			encoded_param_decode(
			    view_sub(
				f.value, (size_t)(semi - f.value.p), f.value.n),
			    view_str(param), &out),
		    "has a name");
	}
	check_str(want, buf_view(&out), want);
}

static void
test_japanese(void)
{
	static const char long_name[] =
	    "かきくけこかきくけこかきくけこかきくけこかきくけこ.txt";

	check_text("japanese/japanese.eml", "まみむめも", "かきくえこ");
	check_text(
	    "japanese/japanese_iso_2022.eml", "まみむめも", "すみません。");
	check_text("japanese/japanese_shift_jis.eml", "test",
	    "このメールはテスト用のメールです");
	check_name("japanese/japanese_attachment.eml", 2, "Content-Type",
	    "name", "てすと.txt");
	check_name("japanese/japanese_attachment_long_name.eml", 1,
	    "Content-Type", "name", long_name);
	check_name("japanese/japanese_attachment_long_name.eml", 1,
	    "Content-Disposition", "filename", long_name);
}

int
main(int argc, char **argv)
{
	folder = argc > 1 ? argv[1] : ".";
	test_source001();
	test_japanese();
	return tap_done();
}
