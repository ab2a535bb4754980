#include <errno.h>
#include <stdio.h>

#include "base/digest.h"
#include "base/fd.h"
#include "base/utf8.h"
#include "session/scripts_inside.h"

/* Names of scripts and of their files, and what is done to one file. */
#define LONG_PREFIX "%~"

int
scripts_fail(struct scripts *s, int err, const char *what)
{
	if (err == -ENOSPC || err == -EDQUOT)
		return SCRIPTS_FULL;
	return why(&s->why, err, "%s/%s", SCRIPTS_DIR, what);
}

/* ---- names ---- */

bool
scripts_name_ok(struct view name)
{
	uint32_t cp;

	if (name.n == 0 || name.n > SCRIPTS_NAME_MAX)
		return false;
	while (name.n > 0)
		if (!utf8_take(&name, &cp) || cp < 0x20 ||
		    (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 || cp == 0x2029)
			return false;
	return true;
}

static bool
is_plain(uint8_t c, bool first)
{
	return c >= 0x20 && c != 0x7f && c != '/' && c != '%' &&
	    !(first && c == '.');
}

bool
scripts_is_long(struct view name)
{
	size_t n = name.n;

	for (size_t i = 0; i < name.n; i++)
		n += is_plain(name.p[i], i == 0) ? 0 : 2;
	return n > SCRIPTS_FILE_MAX;
}

void
scripts_file_of(
    struct view name, const char *suffix, char out[SCRIPTS_FILE_SIZE])
{
	static const char hex[] = "0123456789ABCDEF";
	uint8_t digest[DIGEST_SHA256_SIZE];
	char *p = out;

	if (scripts_is_long(name)) {
		digest_sha256(name, digest);
		memcpy(p, LONG_PREFIX, sizeof(LONG_PREFIX));
		p += sizeof(LONG_PREFIX) - 1;
		digest_hex((struct view){ digest, sizeof(digest) }, p);
		p += 2 * sizeof(digest);
	} else
		for (size_t i = 0; i < name.n; i++) {
			uint8_t c = name.p[i];

			if (is_plain(c, i == 0)) {
				*p++ = (char)c;
				continue;
			}
			*p++ = '%';
			*p++ = hex[c >> 4];
			*p++ = hex[c & 15];
		}
	memcpy(p, suffix, strlen(suffix) + 1);
}

/* ---- files ---- */

int
scripts_open_dir(struct scripts *s, bool make)
{
	int r;

	if (s->sieve == -1)
		s->sieve = openat(s->dir, SCRIPTS_DIR,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (s->sieve == -1 && errno != ENOENT)
		return scripts_fail(s, -errno, "");
	if (s->sieve == -1 && !make)
		return SCRIPTS_NOT_FOUND;
	if (s->sieve == -1) {
		if ((r = io_mkdir(s->dir, SCRIPTS_DIR)) != 0 && r != -EEXIST)
			return scripts_fail(s, r, "");
		return scripts_open_dir(s, make);
	}
	/* whoever made it may have died before this */
	if (make && !s->synced) {
		if ((r = io_sync_dir(s->dir, IO_SYNC_SCRIPT_HOME)) != 0)
			return scripts_fail(s, r, "");
		s->synced = true;
	}
	return SCRIPTS_OK;
}

/* A regular file, for reading. SCRIPTS_NOT_FOUND, negative errno. */
static int
open_file(struct scripts *s, const char *file, int *out, struct stat *st)
{
	*out = openat(
	    s->sieve, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (*out == -1)
		return errno == ENOENT ? (int)SCRIPTS_NOT_FOUND
				       : scripts_fail(s, -errno, file);
	if (fstat(*out, st) != 0)
		return scripts_fail(s, -errno, file);
	return S_ISREG(st->st_mode) ? (int)SCRIPTS_OK : SCRIPTS_NOT_FOUND;
}

int
scripts_read_file(struct scripts *s, const char *file, uint64_t max,
    struct buf *out, struct stat *st)
{
	AUTO_CLOSE int fd = -1;
	struct stat mine;
	ssize_t got;
	uint8_t *p;
	int r;

	st = st != NULL ? st : &mine;
	buf_clear(out);
	if ((r = open_file(s, file, &fd, st)) != SCRIPTS_OK)
		return r;
	do {
		/* one more than may be: a file that grows is seen */
		if ((p = buf_reserve(out, 4096)) == NULL)
			return SCRIPTS_TOO_LARGE;
		if ((got = read(fd, p, 4096)) == -1)
			return scripts_fail(s, -errno, file);
		out->n += (size_t)got;
	} while (got > 0 && out->n <= max);
	return out->n <= max ? SCRIPTS_OK : SCRIPTS_TOO_LARGE;
}

bool
scripts_has_file(struct scripts *s, const char *file)
{
	struct stat st;

	return fstatat(s->sieve, file, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode);
}

int
scripts_write_file(struct scripts *s, const char *temp, const char *file,
    struct view text, bool sync_name)
{
	AUTO_CLOSE int fd = io_create(s->sieve, temp, O_WRONLY | O_TRUNC);
	int r;

	if (fd < 0)
		return scripts_fail(s, fd, temp);
	if ((text.n > 0 && (r = io_write_all(fd, text, 0)) != 0) ||
	    (r = io_sync(fd, IO_SYNC_SCRIPT)) != 0 ||
	    (r = io_rename(s->sieve, temp, file)) != 0) {
		(void)!io_unlink(s->sieve, temp);
		return scripts_fail(s, r, file);
	}
	if (sync_name && (r = io_sync_dir(s->sieve, IO_SYNC_SCRIPT_DIR)) != 0)
		return scripts_fail(s, r, file);
	return SCRIPTS_OK;
}

int
scripts_remove_file(struct scripts *s, const char *file)
{
	int r = io_unlink(s->sieve, file);

	if (r != 0 && r != -ENOENT)
		return scripts_fail(s, r, file);
	r = io_sync_dir(s->sieve, IO_SYNC_SCRIPT_DIR);
	return r == 0 ? (int)SCRIPTS_OK : scripts_fail(s, r, file);
}

/* ---- names of files ---- */

static int
unhex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The name that a short file name stands for. */
static bool
decode(struct view file, struct buf *name)
{
	buf_clear(name);
	for (size_t i = 0; i < file.n; i++) {
		if (file.p[i] != '%') {
			buf_put_byte(name, file.p[i]);
			continue;
		}
		if (file.n - i < 3 || unhex((char)file.p[i + 1]) < 0 ||
		    unhex((char)file.p[i + 2]) < 0)
			return false;
		buf_put_byte(name,
		    (uint8_t)(unhex((char)file.p[i + 1]) * 16 +
			unhex((char)file.p[i + 2])));
		i += 2;
	}
	return !name->failed;
}

bool
scripts_name_of(struct scripts *s, const char *file, struct buf *name)
{
	size_t n = strlen(file), suffix = sizeof(SCRIPTS_SUFFIX) - 1;
	struct view stem;
	char again[SCRIPTS_FILE_SIZE], other[SCRIPTS_FILE_SIZE];

	if (n <= suffix || n >= SCRIPTS_FILE_SIZE ||
	    strcmp(file + n - suffix, SCRIPTS_SUFFIX) != 0)
		return false;
	stem = (struct view){ (const uint8_t *)file, n - suffix };
	if (view_starts(stem, VIEW_LIT(LONG_PREFIX))) {
		(void)snprintf(
		    other, sizeof(other), "%.*s.name", (int)stem.n, file);
		if (scripts_read_file(s, other, SCRIPTS_NAME_MAX, name, NULL) !=
		    SCRIPTS_OK)
			return false;
	} else if (!decode(stem, name))
		return false;
	if (!scripts_name_ok(buf_view(name)))
		return false;
	scripts_file_of(buf_view(name), SCRIPTS_SUFFIX, again);
	return strcmp(again, file) == 0;
}
