#ifndef MAIL_CHARSET_H
#define MAIL_CHARSET_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/* Longest charset name that is looked at. */
#define CHARSET_NAME_MAX 40

enum charset_result {
	CHARSET_OK = 0,
	CHARSET_UNKNOWN, /* no such charset here: SEARCH answers BADCHARSET */
};

/* A converter to UTF-8 in the middle of a text; heap. */
struct charset;

/*
 * name  any of the names in use, ASCII case ignored ("iso-2022-jp", "cp932",
 *       "x-sjis", "gb2312", "us-ascii", "utf-7", "unknown-8bit", ...); aliases
 *       mean what their writers mean (shift_jis: CP932, gb2312: GB18030,
 *       iso-8859-1: windows-1252, ISO-2022-JP: with CP932's and JIS X 0201's
 *       additions). Empty: US-ASCII.
 * out   new converter, NULL unless CHARSET_OK
 */
enum charset_result charset_open(struct view name, struct charset **out)
    A_MUST_USE;
/*
 * Convert the next piece; a character may be cut between pieces. out gets valid
 * UTF-8 only: each run that is none in the charset becomes one or more U+FFFD,
 * NUL becomes U+FFFD too. Never fails but by out's maximum.
 */
void charset_put(struct charset *c, struct view in, struct buf *out);
/* The text is over: what was cut becomes U+FFFD; c may be used for another. */
void charset_end(struct charset *c, struct buf *out);
/* *c may be NULL; sets it to NULL. */
void charset_close(struct charset **c);

/* All of that at once. Nothing is added when the charset is unknown. */
enum charset_result charset_to_utf8(
    struct view name, struct view in, struct buf *out) A_MUST_USE;
/* True when charset_open() would not answer CHARSET_UNKNOWN. */
bool charset_is_known(struct view name) A_MUST_USE;

/* Add in as UTF-8: valid UTF-8 stays, every other byte becomes U+FFFD. */
void charset_put_utf8(struct view in, struct buf *out);
/* For 8-bit text that names no charset: UTF-8 when it is that, else the
 * likeliest of ISO-2022-JP, Shift_JIS, EUC-JP and windows-1252. */
void charset_put_guess(struct view in, struct buf *out);

/*
 * glibc loads a converter's module when it is first opened, which a sandbox
 * without files would forbid. Open every converter of our list that is not a
 * table of our own (charset_table.h) once and keep it: call before the sandbox, let it live as long as the process (children
 * of a fork inherit it). n: out; how many could be opened; may be NULL.
 */
struct charset_kept;
struct charset_kept *charset_preload(size_t *n) A_MUST_USE;
/* For tests; *k may be NULL. */
void charset_preload_free(struct charset_kept **k);
/* The i-th iconv name of that list, NULL past its end. */
const char *charset_preload_name(size_t i) A_MUST_USE;

#endif
