#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Valid UTF-8, one newline, at the end, and no other control character. */
static void
check_record(struct view v)
{
	uint32_t cp;

	if (v.n == 0 || v.n > LOG_RECORD_MAX || v.p[v.n - 1] != '\n')
		abort();
	for (v.n--; v.n > 0;) {
		if (!utf8_take(&v, &cp) || cp < ' ' ||
		    (cp >= 0x7f && cp < 0xa0) ||
		    (cp >= 0x2028 && cp <= 0x202e) ||
		    (cp >= 0x2066 && cp <= 0x2069))
			abort();
	}
}

/* The quoted form says which bytes it was made of, up to where it is cut. */
static void
check_value(struct view in, struct view v)
{
	static const char from[] = "nrt\"\\", to[] = "\n\r\t\"\\";
	bool quoted = v.n > 0 && v.p[0] == '"';

	if (!quoted) {
		if (in.n == 0 || !view_eq(in, v))
			abort();
		return;
	}
	for (view_skip(&v, 1); v.n > 0 && v.p[0] != '"'; view_skip(&v, 1)) {
		uint8_t c = v.p[0];

		if (c == '\\' && v.n > 3 && v.p[1] == 'x') {
			char hex[3] = { (char)v.p[2], (char)v.p[3], 0 };

			c = (uint8_t)strtoul(hex, NULL, 16);
			view_skip(&v, 3);
		} else if (c == '\\') {
			const char *f = strchr(from, v.p[1]);

			if (f == NULL || *f == '\0')
				abort();
			c = (uint8_t)to[f - from];
			view_skip(&v, 1);
		}
		if (in.n == 0 || in.p[0] != c)
			abort();
		view_skip(&in, 1);
	}
	if (!(v.n == 1 && in.n == 0) &&
	    !(in.n > 0 && view_eq(v, VIEW_LIT("\"..."))))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct view in = { data, size };
	struct log log;
	struct log_line l;
	char value[LOG_VALUE_MAX], record[LOG_RECORD_MAX + 1];
	ssize_t n;

	if (fd == -1)
		fd = memfd_create("log", MFD_CLOEXEC);
	check_value(
	    in, (struct view){ (uint8_t *)value, log_escape(in, value) });
	if (ftruncate(fd, 0) != 0 || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	log_init(&log, fd, LOG_STYLE_PLAIN, LOG_ALL, "IMAP", 42);
	log_begin(&l, &log, LOG_ALL, "event");
	for (size_t i = 0; i < 6; i++)
		log_view(&l, "key", view_sub(in, i * 100, SIZE_MAX));
	log_end(&l);
	n = pread(fd, record, sizeof(record), 0);
	check_record((struct view){ (uint8_t *)record, (size_t)n });
	return 0;
}
