#include <stdlib.h>
#include <unistd.h>

#include "auth/cram.h"
#include "auth/directory.h"
#include "auth/mechanism.h"
#include "base/base64.h"
#include "base/digest.h"

/*
 * What clients say before they have logged in. The first byte chooses the
 * reader, the rest is theirs; for SCRAM it is split at the first newline into
 * the two messages of an exchange.
 */
static void
must(int ok)
{
	if (!ok)
		abort();
}

static void
fuzz_name(struct view in)
{
	char path[NAME_PATH_MAX + 1];
	struct name n, again;

	if (!name_parse(in, &n))
		return;
	must(strlen(n.text) <= NAME_MAX_BYTES);
	must(name_parse(view_str(n.text), &again));
	must(strcmp(n.text, again.text) == 0);
	name_path(&n, path);
	must(strlen(path) <= NAME_PATH_MAX && path[0] != '.' &&
	    strstr(path, "/.") == NULL);
	must(strchr(path, '/') == strrchr(path, '/'));
}

static void
fuzz_password(struct view in)
{
	char out[NAME_PASSWORD_MAX + 1];

	if (name_password(in, out))
		must(out[0] != '\0' && strlen(out) <= NAME_PASSWORD_MAX);
}

static void
fuzz_plain(struct view in)
{
	struct mechanism_plain p;

	if (!mechanism_plain(in, &p))
		return;
	must(p.authzid.n + p.user.n + p.password.n + 2 == in.n);
	must(p.user.n > 0 && p.password.n > 0);
}

static void
fuzz_cram(struct view in)
{
	struct cram m;

	if (!cram_parse(in, &m))
		return;
	must(m.user.n > 0 && m.user.n + 1 + m.digest.n == in.n);
	must(!cram_check(VIEW_LIT("<a@b>"), in, m.digest));
}

static void
fuzz_keys(struct view in)
{
	char text[SCRAM_TEXT_MAX + 1];
	struct scram_keys k, again;

	if (!scram_keys_parse(SCRAM_SHA_256, in, &k))
		return;
	scram_keys_text(&k, text);
	must(scram_keys_parse(SCRAM_SHA_256, view_str(text), &again));
	must(memcmp(&k, &again, sizeof(k)) == 0);
}

/* No final message is right, for nobody knows a password that fits. */
static void
fuzz_scram(struct view in, bool plus)
{
	static const uint8_t data[32] = "channel";
	const uint8_t *nl = in.n > 0 ? memchr(in.p, '\n', in.n) : NULL;
	size_t n = nl != NULL ? (size_t)(nl - in.p) : in.n;
	struct scram_binding b = { { plus ? data : NULL, plus ? 32 : 0 },
		{ NULL, 0 } };
	AUTO_BUF struct buf out = BUF_INIT(8192);
	struct scram_keys keys;
	struct scram s;
	size_t said;

	scram_keys_fake(SCRAM_SHA_256, VIEW_LIT("x"), VIEW_LIT("y"), &keys);
	scram_init(&s, SCRAM_SHA_256, plus);
	if (scram_first(&s, view_sub(in, 0, n), &b) == SCRAM_OK) {
		must(s.name[0] != '\0' && strlen(s.name) <= SCRAM_NAME_MAX);
		must(!plus || s.binding_n == 32);
		scram_challenge(&s, &keys, "abcdefghijklmnopqrstuvwx", &out);
		must(!out.failed && out.n > 2);
		said = out.n;
		must(scram_final(&s,
			 nl != NULL ? view_sub(in, n + 1, in.n)
				    : (struct view){ NULL, 0 },
			 &out) != SCRAM_OK);
		must(out.n == said);
	}
	scram_fini(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = { data, size };
	enum mechanism m;

	if (size == 0)
		return 0;
	view_skip(&in, 1);
	switch (data[0] % 8) {
	case 0:
		fuzz_name(in);
		break;
	case 1:
		fuzz_password(in);
		break;
	case 2:
		fuzz_plain(in);
		break;
	case 3:
		fuzz_keys(in);
		break;
	case 4:
		fuzz_scram(in, false);
		break;
	case 5:
		fuzz_scram(in, true);
		break;
	case 7:
		fuzz_cram(in);
		break;
	default:
		if (mechanism_parse(in, &m))
			must(view_eq(in, view_str(mechanism_name(m))));
		break;
	}
	return 0;
}
