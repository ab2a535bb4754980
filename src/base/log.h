#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/attrs.h"
#include "base/view.h"
#include "base/why.h"

/*
 * The log: one record a line, one write(2) a record. A record is
 *
 *   2026-01-31T23:59:59.123456Z major IMAP-00042 login user=demo ms=12
 *
 * time (UTC), level, module tag with session id, event, key=value pairs. A
 * value is bare when it has only letters, digits and ._@/:+,%- in it, otherwise
 * in double quotes with \" \\ \n \r \t and \xHH. Whatever bytes a peer sent, a
 * record is valid UTF-8 without control or direction characters, shorter than
 * LOG_RECORD_MAX, and has exactly one newline, at its end.
 */
enum log_level {
	LOG_CRASHES,   /* "crashes": a process died, data is damaged */
	LOG_FAILURES,  /* "failures": something asked for was not done */
	LOG_MAJOR,     /* "major": one line per login, select, transfer */
	LOG_PROBLEMS,  /* "problems": errors that were got over */
	LOG_LOW_LEVEL, /* "low-level": commands and answers, secrets masked */
	LOG_ALL,       /* "all": link level, escaped bytes */
};

enum log_style {
	LOG_STYLE_PLAIN,   /* as above */
	LOG_STYLE_SYSTEMD, /* "<N>" (syslog priority) instead of the time */
};

#define LOG_RECORD_MAX 2048 /* bytes of a whole record, with the newline */
#define LOG_VALUE_MAX 512   /* bytes of one value as written; more is cut */
#define LOG_MODULE_MAX 8    /* bytes of a module tag such as "IMAP" */
#define LOG_NAME_MAX 40     /* bytes of an event or key; ours, asserted */

/* One per process (set up in main and passed down). */
struct log {
	int fd; /* stays the caller's; -1: records go nowhere */
	enum log_style style;
	enum log_level level; /* in force; change it by the functions below */
	char module[LOG_MODULE_MAX + 1];
	uint64_t session; /* 0: none, the tag is then the module alone */
	uint64_t lost; /* records write(2) would not take; told by the next */
	/* a raised level falls back to this one */
	enum log_level base_level;
	uint64_t raised_until_ms; /* clock_mono_ms(); 0: not raised */
	uint64_t raised_bytes;
};

/* module is ours, 1..LOG_MODULE_MAX bytes; session 0 when there is none. */
void log_init(struct log *log, int fd, enum log_style style,
    enum log_level level, const char *module, uint64_t session);
/* Open or create a log file for appending (mode 0640, close-on-exec); the
 * descriptor or a negative errno. */
int log_file_open(int dirfd, const char *path) A_MUST_USE;

/* Live change of the level, for good. */
void log_set_level(struct log *log, enum log_level level);
/* Raise (or lower) it for ms milliseconds or until bytes have been written,
 * whichever comes first; then the level of before is back. Both above 0. */
void log_raise(
    struct log *log, enum log_level level, uint64_t ms, uint64_t bytes);
/* Would a record of this level be written? For work only the log needs. */
bool log_on(struct log *log, enum log_level level);

/* "crashes" … "all"; never NULL. */
const char *log_level_name(enum log_level level);
/* Exactly one of those names. */
bool log_level_parse(struct view v, enum log_level *out) A_MUST_USE;

/*
 * A record: begin, any number of fields, end.
 *
 *     struct log_line l;
 *     log_begin(&l, log, LOG_MAJOR, "login");
 *     log_view(&l, "user", name);
 *     log_u64(&l, "ms", took);
 *     log_end(&l);
 *
 * When the level is not on, all of it is nearly free. Fields that no longer fit
 * are left out and " cut=yes" says so. Never pass a secret: log_hidden() shows
 * that there was one.
 */
struct log_line {
	struct log *log;
	bool on, cut;
	size_t n;
	char text[LOG_RECORD_MAX];
};

void log_begin(struct log_line *l, struct log *log, enum log_level level,
    const char *event);
/* The same for one of many sessions of this process. */
void log_begin_as(struct log_line *l, struct log *log, const char *module,
    uint64_t session, enum log_level level, const char *event);
void log_view(struct log_line *l, const char *key, struct view v);
void log_str(struct log_line *l, const char *key, const char *s);
void log_u64(struct log_line *l, const char *key, uint64_t v);
void log_i64(struct log_line *l, const char *key, int64_t v);
/* A negative errno, as its text. */
void log_errno(struct log_line *l, const char *key, int err);
/* key=[hidden], whatever it was and however long. */
void log_hidden(struct log_line *l, const char *key);
void log_end(struct log_line *l);

/* begin, text="…" from the format (bounded), end. */
void log_say(struct log *log, enum log_level level, const char *event,
    const char *fmt, ...) A_PRINTF(4, 5);
/* begin, why="…", end. */
void log_why(struct log *log, enum log_level level, const char *event,
    const struct why *w);

/* v as a value is written in a record (bare, or quoted and escaped, cut at
 * LOG_VALUE_MAX with "..." behind the quote); returns bytes put into out. */
size_t log_escape(struct view v, char out[LOG_VALUE_MAX]);

#endif
