#include "auth/name.h"

#include <gsasl.h>
#include <stdlib.h>

#include "base/utf8.h"

/*
 * SASLprep comes from GNU SASL. It may lengthen a string, so lengths are
 * checked behind it.
 */

/* v through SASLprep into out (max bytes and a NUL); false when it is refused,
 * empty or too long. */
static bool
prepare(struct view v, char *out, size_t max)
{
	char *prepared = NULL;
	size_t n;
	bool ok = false;

	if (v.n == 0 || v.n > max || memchr(v.p, '\0', v.n) != NULL ||
	    !utf8_valid(v))
		return false;
	memcpy(out, v.p, v.n);
	out[v.n] = '\0';
	if (utf8_ascii(v)) { /* nothing but controls is left to refuse */
		for (size_t i = 0; i < v.n; i++)
			if (v.p[i] < ' ' || v.p[i] == 0x7f)
				return false;
		return true;
	}
	if (gsasl_saslprep(out, GSASL_ALLOW_UNASSIGNED, &prepared, NULL) ==
	    GSASL_OK) {
		n = strlen(prepared);
		ok = n > 0 && n <= max;
		if (ok)
			memcpy(out, prepared, n + 1);
		explicit_bzero(prepared, n);
	}
	gsasl_free(prepared);
	return ok;
}

static void
fold(char *s)
{
	for (; *s != '\0'; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s | 0x20);
}

static bool
local_ok(const char *s, size_t n)
{
	static const char bad[] = " @/\\,:;\"<>()[]";

	if (n == 0 || n > NAME_LOCAL_MAX || s[0] == '.' || s[0] == '_')
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f ||
		    strchr(bad, s[i]) != NULL)
			return false;
	return true;
}

/* one label between two dots */
static bool
label_ok(const char *s, size_t n)
{
	if (n == 0 || n > 63 || s[0] == '-' || s[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			c == '-' || c >= 0x80))
			return false;
	}
	return true;
}

static bool
domain_ok(const char *s)
{
	size_t n = strlen(s), start = 0;

	if (n == 0 || n > NAME_DOMAIN_MAX)
		return false;
	for (size_t i = 0; i <= n; i++) {
		if (i < n && s[i] != '.')
			continue;
		if (!label_ok(s + start, i - start))
			return false;
		start = i + 1;
	}
	return true;
}

bool
name_parse(struct view v, struct name *out)
{
	char *at;

	if (!prepare(v, out->text, NAME_MAX_BYTES))
		return false;
	fold(out->text);
	at = strrchr(out->text, '@');
	out->domain = at != NULL;
	if (at == NULL)
		return local_ok(out->text, strlen(out->text));
	return local_ok(out->text, (size_t)(at - out->text)) &&
	    domain_ok(at + 1);
}

void
name_path(const struct name *n, char out[NAME_PATH_MAX + 1])
{
	const char *at = strrchr(n->text, '@');
	const char *domain = at != NULL ? at + 1 : NAME_NO_DOMAIN;
	size_t local = at != NULL ? (size_t)(at - n->text) : strlen(n->text);
	size_t d = strlen(domain);

	memcpy(out, domain, d);
	out[d] = '/';
	memcpy(out + d + 1, n->text, local);
	out[d + 1 + local] = '\0';
}

bool
name_password(struct view v, char out[NAME_PASSWORD_MAX + 1])
{
	if (v.n == 0 || v.n > NAME_PASSWORD_MAX ||
	    memchr(v.p, '\0', v.n) != NULL)
		return false;
	if (!prepare(v, out, NAME_PASSWORD_MAX)) {
		memcpy(out, v.p, v.n);
		out[v.n] = '\0';
	}
	return true;
}
