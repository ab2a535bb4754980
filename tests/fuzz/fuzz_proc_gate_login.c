/* A protocol before login (PROTOCOL is set by the build), with an auth that
 * answers by the clock of the exchanges.
 * The same bytes at once and one by one must have the same answers; every
 * result keeps what gate_login.h says. */
#include <stdlib.h>

#include "proc/gate_login.h"

#define STREAM_MAX (64 * 1024)

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
answer_auth(struct gate_login *l, unsigned turn, struct buf *out)
{
	struct msg_login m = gate_login_msg(l);

	must(l->phase == GATE_LOGIN_WAITS && m.tag.n <= MSG_TAG_MAX &&
	    (m.tag.n > 0) == (&PROTOCOL == &gate_imap) && m.command.n > 0 &&
	    m.command.n <= MSG_COMMAND_MAX &&
	    l->secret.n <= MSG_AUTH_RESPONSE_MAX);
	gate_login_wipe(l);
	must(l->secret.p == NULL);
	switch (turn % 4) {
	case 0:
	case 1:
		gate_login_challenge(l, VIEW_LIT("r=abc,s=def,i=4096"), out);
		must(l->phase == GATE_LOGIN_CHALLENGED);
		return;
	case 2:
		gate_login_fail(
		    l, (enum msg_auth_code)(1 + turn % 7), VIEW_LIT("no"), out);
		break;
	default:
		gate_login_refused(
		    l, GATE_LOGIN_UNAVAILABLE, VIEW_LIT("no"), out);
		break;
	}
	must(l->phase == GATE_LOGIN_COMMANDS);
}

static void
check_start(const struct gate_login *l)
{
	size_t n = strlen(l->mech);

	must(n > 0 && n <= MSG_AUTH_MECH_MAX);
	if (strcmp(l->mech, "APOP") == 0) {
		must(l->o.apop && &PROTOCOL == &gate_pop3 && l->has_initial);
		return;
	}
	must(strstr("SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN", l->mech) != NULL);
	must(!l->by_password || strcmp(l->mech, "PLAIN") == 0);
}

/* All of v in pieces of step bytes; the answers. False: BYE. */
static bool
run(struct gate_login *l, struct view v, size_t step, struct buf *out)
{
	unsigned turn = 0;

	while (v.n > 0) {
		struct view in = view_sub(v, 0, step);
		size_t before = in.n, had = out->n;
		enum gate_login_result r = gate_login_feed(l, &in, out);

		must(in.n <= before && !out->failed &&
		    out->n - had <= GATE_LOGIN_OUT_MAX - GATE_LOGIN_OUT_FULL);
		view_skip(&v, before - in.n);
		switch (r) {
		case GATE_LOGIN_MORE:
			must(in.n == 0);
			break;
		case GATE_LOGIN_AGAIN:
			break;
		case GATE_LOGIN_STARTTLS:
			must(l->o.starttls && !l->o.tls);
			gate_login_secured(l, out);
			must(l->o.tls && frame_idle(&l->frame));
			break;
		case GATE_LOGIN_START:
			check_start(l);
			answer_auth(l, turn++, out);
			break;
		case GATE_LOGIN_CONTINUE:
			answer_auth(l, turn++, out);
			break;
		case GATE_LOGIN_CANCEL:
			must(l->phase == GATE_LOGIN_COMMANDS);
			break;
		case GATE_LOGIN_NOTE:
			must(l->note.n <= l->note.max);
			break;
		case GATE_LOGIN_BYE:
			return false;
		}
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct msg_auth_offer m = {
		.tls = VIEW_LIT("SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN"),
		.plain = VIEW_LIT("SCRAM-SHA-256"),
		.loopback = VIEW_LIT("SCRAM-SHA-256 PLAIN"),
		.login_loopback = true,
	};
	AUTO_BUF struct buf a = BUF_INIT(64 << 20), b = BUF_INIT(64 << 20);
	AUTO_BUF struct buf greeting = BUF_INIT(65536);
	struct gate_offer offer = { 0 };
	struct gate_login l;
	struct pop3_settings pop3 = { .login_delay_s = 1 };
	struct gate_login_opts o = { .protocol = &PROTOCOL,
		.offer = &offer,
		.name = "fumi",
		.pop3 = &pop3 };
	bool ends;

	if (size == 0 || size > STREAM_MAX)
		return 0;
	must(gate_offer_set(&offer, &m));
	o.tls = (data[0] & 1) != 0;
	o.starttls = (data[0] & 2) != 0;
	o.loopback = (data[0] & 4) != 0;
	o.apop = (data[0] & 8) != 0;
	gate_login_init(&l, &o);
	gate_login_greet(&l, &greeting); /* APOP's is never the same */
	must(greeting.n > 0 && !greeting.failed);
	ends = run(&l, (struct view){ data + 1, size - 1 }, SIZE_MAX, &a);
	gate_login_fini(&l);
	gate_login_init(&l, &o);
	gate_login_greet(&l, &greeting);
	must(run(&l, (struct view){ data + 1, size - 1 }, 1, &b) == ends);
	gate_login_fini(&l);
	must(view_eq(buf_view(&a), buf_view(&b)));
	return 0;
}
