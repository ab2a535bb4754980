#include "auth/mechanism.h"

static const char *const names[MECHANISMS] = {
	[MECHANISM_SCRAM_SHA_256_PLUS] = "SCRAM-SHA-256-PLUS",
	[MECHANISM_SCRAM_SHA_256] = "SCRAM-SHA-256",
	[MECHANISM_SCRAM_SHA_1_PLUS] = "SCRAM-SHA-1-PLUS",
	[MECHANISM_SCRAM_SHA_1] = "SCRAM-SHA-1",
	[MECHANISM_PLAIN] = "PLAIN",
	[MECHANISM_LOGIN] = "LOGIN",
	[MECHANISM_CRAM_MD5] = "CRAM-MD5",
};

const char *
mechanism_name(enum mechanism m)
{
	return names[m];
}

bool
mechanism_parse(struct view v, enum mechanism *out)
{
	for (unsigned m = 0; m < MECHANISMS; m++)
		if (view_eq(v, view_str(names[m]))) {
			*out = (enum mechanism)m;
			return true;
		}
	return false;
}

bool
mechanism_is_clear(enum mechanism m)
{
	return m == MECHANISM_PLAIN || m == MECHANISM_LOGIN;
}

bool
mechanism_is_plus(enum mechanism m)
{
	return m == MECHANISM_SCRAM_SHA_256_PLUS ||
	    m == MECHANISM_SCRAM_SHA_1_PLUS;
}

bool
mechanism_allowed(enum mechanism m, bool tls, bool clear)
{
	if (mechanism_is_plus(m))
		return tls;
	return tls || clear || !mechanism_is_clear(m);
}

void
mechanism_offer(bool tls, bool clear, bool cram, struct buf *out)
{
	bool first = true;

	for (unsigned m = 0; m < MECHANISMS; m++) {
		if (!mechanism_allowed((enum mechanism)m, tls, clear) ||
		    (m == MECHANISM_CRAM_MD5 && !cram))
			continue;
		if (!first)
			buf_put_byte(out, ' ');
		buf_put_str(out, names[m]);
		first = false;
	}
}

/* Up to the next NUL, which is dropped; false when there is none. */
static bool
take_field(struct view *in, struct view *out)
{
	const uint8_t *nul = in->n > 0 ? memchr(in->p, '\0', in->n) : NULL;

	if (nul == NULL)
		return false;
	*out = view_sub(*in, 0, (size_t)(nul - in->p));
	view_skip(in, out->n + 1);
	return true;
}

bool
mechanism_plain(struct view in, struct mechanism_plain *out)
{
	struct view v = in;

	if (!take_field(&v, &out->authzid) || !take_field(&v, &out->user))
		return false;
	out->password = v;
	return out->user.n > 0 && v.n > 0 && memchr(v.p, '\0', v.n) == NULL;
}
