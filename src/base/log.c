#include "base/log.h"

#include <assert.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/utf8.h"

/*
 * A record is built in the caller's log_line and written at once. Room for the
 * mark that something was left out is kept free all the time, so that the
 * record can always be ended.
 */
static const char cut_mark[] = " cut=yes\n";
#define ROOM (LOG_RECORD_MAX - (sizeof(cut_mark) - 1))

static const struct {
	const char *name;
	char priority; /* of syslog */
} levels[] = {
	[LOG_CRASHES] = { "crashes", '2' },
	[LOG_FAILURES] = { "failures", '3' },
	[LOG_MAJOR] = { "major", '5' },
	[LOG_PROBLEMS] = { "problems", '4' },
	[LOG_LOW_LEVEL] = { "low-level", '6' },
	[LOG_ALL] = { "all", '7' },
};

void
log_init(struct log *log, int fd, enum log_style style, enum log_level level,
    const char *module, uint64_t session)
{
	size_t n = strlen(module);

	assert(n > 0 && n <= LOG_MODULE_MAX);
	*log = (struct log){ .fd = fd,
		.style = style,
		.level = level,
		.base_level = level,
		.session = session };
	memcpy(log->module, module, n);
}

int
log_file_open(int dirfd, const char *path)
{
	int fd = openat(dirfd, path,
	    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);

	return fd == -1 ? -errno : fd;
}

void
log_set_level(struct log *log, enum log_level level)
{
	log->level = log->base_level = level;
	log->raised_until_ms = 0;
}

void
log_raise(struct log *log, enum log_level level, uint64_t ms, uint64_t bytes)
{
	assert(ms > 0 && bytes > 0);
	if (__builtin_add_overflow(clock_mono_ms(), ms, &log->raised_until_ms))
		log->raised_until_ms = UINT64_MAX;
	log->raised_bytes = bytes;
	log->level = level;
}

bool
log_on(struct log *log, enum log_level level)
{
	if (log->raised_until_ms != 0 &&
	    (log->raised_bytes == 0 || clock_mono_ms() >= log->raised_until_ms))
		log_set_level(log, log->base_level);
	return log->fd != -1 && level <= log->level;
}

const char *
log_level_name(enum log_level level)
{
	return levels[level].name;
}

bool
log_level_parse(struct view v, enum log_level *out)
{
	for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (view_eq(v, view_str(levels[i].name))) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

static bool
is_bare(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') ||
	    (c != 0 && strchr("._@/:+,%-", c) != NULL);
}

/* Code points that move what a terminal shows, or that it does not show: C1
 * controls, direction, joiners, line ends, tags, private use. */
static bool
is_hidden(uint32_t cp)
{
	return cp < 0xa0 || cp == 0xad || cp == 0x61c || cp == 0x180e ||
	    (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
	    (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff ||
	    (cp >= 0xfff0 && cp <= 0xfffb) || (cp & 0xfffe) == 0xfffe ||
	    (cp >= 0xe000 && cp <= 0xf8ff) || cp >= 0xe0000;
}

/* One step of the value: what stands for its first character, in at most 16
 * bytes; moves *v past it. */
static size_t
escape_one(struct view *v, char *out)
{
	static const char hex[] = "0123456789abcdef";
	struct view rest = *v;
	uint8_t c = v->p[0];
	const char *named;
	uint32_t cp;
	size_t len;

	if (c >= 0x80 && utf8_take(&rest, &cp) && !is_hidden(cp)) {
		len = v->n - rest.n;
		memcpy(out, v->p, len);
		*v = rest;
		return len;
	}
	view_skip(v, 1);
	if (c >= ' ' && c < 0x7f && c != '"' && c != '\\') {
		out[0] = (char)c;
		return 1;
	}
	out[0] = '\\';
	named = c == 0 ? NULL : strchr("\"\"\\\\\nn\rr\tt", c);
	if (named != NULL) {
		out[1] = c == '"' || c == '\\' ? (char)c : named[1];
		return 2;
	}
	out[1] = 'x';
	out[2] = hex[c >> 4];
	out[3] = hex[c & 15];
	return 4;
}

size_t
log_escape(struct view v, char out[LOG_VALUE_MAX])
{
	const size_t room = LOG_VALUE_MAX - 4; /* for the quote and "..." */
	size_t n = 0;

	while (n < v.n && n < LOG_VALUE_MAX && is_bare(v.p[n]))
		n++;
	if (n == v.n && n > 0) {
		memcpy(out, v.p, n);
		return n;
	}
	out[0] = '"';
	for (n = 1; v.n > 0;) {
		char one[16];
		size_t len = escape_one(&v, one);

		if (n + len > room) {
			memcpy(out + n, "\"...", 4);
			return n + 4;
		}
		memcpy(out + n, one, len);
		n += len;
	}
	out[n++] = '"';
	return n;
}

static void
put(struct log_line *l, const char *p, size_t n)
{
	assert(n <= ROOM - l->n);
	memcpy(l->text + l->n, p, n);
	l->n += n;
}

static void
put_str(struct log_line *l, const char *s)
{
	put(l, s, strlen(s));
}

/* IMAP-00042 */
static void
put_tag(struct log_line *l, const char *module, uint64_t session)
{
	uint8_t d[NUM_DEC_MAX];
	size_t n;

	put_str(l, module);
	if (session == 0)
		return;
	n = num_dec(session, d);
	put_str(l, "-");
	for (size_t i = n; i < 5; i++)
		put_str(l, "0");
	put(l, (const char *)d, n);
}

void
log_begin_as(struct log_line *l, struct log *log, const char *module,
    uint64_t session, enum log_level level, const char *event)
{
	l->log = log;
	l->cut = false;
	l->n = 0;
	if (!(l->on = log_on(log, level)))
		return;
	assert(strlen(event) <= LOG_NAME_MAX);
	assert(strlen(module) <= LOG_MODULE_MAX);
	switch (log->style) {
	case LOG_STYLE_PLAIN: {
		char when[CLOCK_TEXT_SIZE];

		clock_text(clock_wall_us(), when);
		put_str(l, when);
		put_str(l, " ");
		break;
	}
	case LOG_STYLE_SYSTEMD: {
		char prio[3] = { '<', levels[level].priority, '>' };

		put(l, prio, sizeof(prio));
		break;
	}
	}
	put_str(l, levels[level].name);
	put_str(l, " ");
	put_tag(l, module, session);
	put_str(l, " ");
	put_str(l, event);
}

void
log_begin(struct log_line *l, struct log *log, enum log_level level,
    const char *event)
{
	log_begin_as(l, log, log->module, log->session, level, event);
}

static void
put_field(struct log_line *l, const char *key, const char *v, size_t n)
{
	size_t k = strlen(key);

	assert(k > 0 && k <= LOG_NAME_MAX);
	if (k + n + 2 > ROOM - l->n) {
		l->cut = true;
		return;
	}
	put_str(l, " ");
	put(l, key, k);
	put_str(l, "=");
	put(l, v, n);
}

void
log_view(struct log_line *l, const char *key, struct view v)
{
	char text[LOG_VALUE_MAX];

	if (l->on)
		put_field(l, key, text, log_escape(v, text));
}

void
log_str(struct log_line *l, const char *key, const char *s)
{
	if (l->on)
		log_view(l, key, view_str(s));
}

void
log_u64(struct log_line *l, const char *key, uint64_t v)
{
	uint8_t d[NUM_DEC_MAX];

	if (l->on)
		put_field(l, key, (const char *)d, num_dec(v, d));
}

void
log_i64(struct log_line *l, const char *key, int64_t v)
{
	uint8_t d[1 + NUM_DEC_MAX] = { '-' };
	size_t n;

	if (!l->on)
		return;
	if (v >= 0) {
		log_u64(l, key, (uint64_t)v);
		return;
	}
	n = num_dec(-(uint64_t)v, d + 1);
	put_field(l, key, (const char *)d, n + 1);
}

void
log_errno(struct log_line *l, const char *key, int err)
{
	if (l->on)
		log_str(l, key, strerror(-err));
}

void
log_hidden(struct log_line *l, const char *key)
{
	static const char hidden[] = "[hidden]";

	if (l->on)
		put_field(l, key, hidden, sizeof(hidden) - 1);
}

void
log_end(struct log_line *l)
{
	struct log *log = l->log;
	ssize_t w;

	if (!l->on)
		return;
	if (log->lost > 0)
		log_u64(l, "lost-records", log->lost);
	if (l->cut) {
		memcpy(l->text + l->n, cut_mark, sizeof(cut_mark) - 1);
		l->n += sizeof(cut_mark) - 1;
	} else {
		l->text[l->n++] = '\n';
	}
	do
		w = write(log->fd, l->text, l->n);
	while (w == -1 && errno == EINTR);
	log->lost = w == (ssize_t)l->n ? 0 : log->lost + 1;
	log->raised_bytes -=
	    l->n < log->raised_bytes ? l->n : log->raised_bytes;
	l->on = false;
}

void
log_say(struct log *log, enum log_level level, const char *event,
    const char *fmt, ...)
{
	char text[LOG_VALUE_MAX];
	struct log_line l;
	va_list ap;

	log_begin(&l, log, level, event);
	if (!l.on)
		return;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	log_str(&l, "text", text);
	log_end(&l);
}

void
log_why(struct log *log, enum log_level level, const char *event,
    const struct why *w)
{
	struct log_line l;

	log_begin(&l, log, level, event);
	log_str(&l, "why", w->text);
	log_end(&l);
}
