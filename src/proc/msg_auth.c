#include "proc/msg_auth.h"

#include <assert.h>

static void
put_id(struct buf *b, enum msg_auth_type type, const struct msg_auth_id *id)
{
	assert(id->generation != 0);
	wire_put_u32(b, type);
	wire_put_u64(b, id->conn);
	wire_put_u32(b, id->generation);
}

static void
take_id(struct wire *w, struct msg_auth_id *id)
{
	id->conn = wire_u64(w);
	id->generation = wire_u32(w);
	if (id->generation == 0)
		w->ok = false;
}

/* mechanism of RFC 4422 section 3.1: 1*20(A-Z 0-9 - _) */
static struct view
take_mech(struct wire *w)
{
	struct view v = wire_bytes(w, MSG_AUTH_MECH_MAX);

	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			c == '-' || c == '_'))
			w->ok = false;
	}
	if (v.n == 0)
		w->ok = false;
	return w->ok ? v : (struct view){ NULL, 0 };
}

static uint8_t
take_service(struct wire *w)
{
	uint8_t s = wire_u8(w);

	if (s < MSG_SERVICE_IMAP || s > MSG_SERVICE_SIEVE)
		w->ok = false;
	return s;
}

void
msg_auth_start_put(struct buf *b, const struct msg_auth_start *m)
{
	assert(m->mech.n <= MSG_AUTH_MECH_MAX &&
	    m->initial.n <= MSG_AUTH_RESPONSE_MAX);
	assert(m->exporter.n <= MSG_AUTH_EXPORTER_SIZE &&
	    m->endpoint.n <= MSG_AUTH_ENDPOINT_MAX);
	put_id(b, MSG_AUTH_START, &m->id);
	wire_put_u8(b, m->service);
	msg_bool_put(b, m->login_command);
	msg_bool_put(b, m->final_in_ok);
	wire_put_bytes(b, m->mech);
	msg_bool_put(b, m->has_initial);
	wire_put_bytes(b, m->initial);
	msg_client_put(b, &m->client);
	wire_put_bytes(b, m->exporter);
	wire_put_bytes(b, m->endpoint);
}

bool
msg_auth_start_get(struct wire *w, struct msg_auth_start *m)
{
	take_id(w, &m->id);
	m->service = take_service(w);
	m->login_command = msg_bool_get(w);
	m->final_in_ok = msg_bool_get(w);
	m->mech = take_mech(w);
	m->has_initial = msg_bool_get(w);
	m->initial = wire_bytes(w, MSG_AUTH_RESPONSE_MAX);
	m->client = msg_client_get(w);
	m->exporter = wire_bytes(w, MSG_AUTH_EXPORTER_SIZE);
	m->endpoint = wire_bytes(w, MSG_AUTH_ENDPOINT_MAX);
	if (!m->has_initial && (m->initial.n > 0 || m->login_command))
		return false;
	if (m->exporter.n != 0 && m->exporter.n != MSG_AUTH_EXPORTER_SIZE)
		return false;
	if (!m->client.tls && (m->exporter.n > 0 || m->endpoint.n > 0))
		return false;
	return wire_end(w);
}

void
msg_auth_continue_put(struct buf *b, const struct msg_auth_continue *m)
{
	assert(m->response.n <= MSG_AUTH_RESPONSE_MAX);
	put_id(b, MSG_AUTH_CONTINUE, &m->id);
	wire_put_bytes(b, m->response);
}

bool
msg_auth_continue_get(struct wire *w, struct msg_auth_continue *m)
{
	take_id(w, &m->id);
	m->response = wire_bytes(w, MSG_AUTH_RESPONSE_MAX);
	return wire_end(w);
}

void
msg_auth_cancel_put(struct buf *b, const struct msg_auth_id *m)
{
	put_id(b, MSG_AUTH_CANCEL, m);
}

bool
msg_auth_cancel_get(struct wire *w, struct msg_auth_id *m)
{
	take_id(w, m);
	return wire_end(w);
}

void
msg_auth_challenge_put(struct buf *b, const struct msg_auth_challenge *m)
{
	assert(m->challenge.n <= MSG_AUTH_CHALLENGE_MAX);
	put_id(b, MSG_AUTH_CHALLENGE, &m->id);
	wire_put_bytes(b, m->challenge);
}

bool
msg_auth_challenge_get(struct wire *w, struct msg_auth_challenge *m)
{
	take_id(w, &m->id);
	m->challenge = wire_bytes(w, MSG_AUTH_CHALLENGE_MAX);
	return wire_end(w);
}

void
msg_auth_fail_put(struct buf *b, const struct msg_auth_fail *m)
{
	assert(m->text.n <= MSG_TEXT_MAX);
	put_id(b, MSG_AUTH_FAIL, &m->id);
	wire_put_u8(b, m->code);
	wire_put_bytes(b, m->text);
}

bool
msg_auth_fail_get(struct wire *w, struct msg_auth_fail *m)
{
	take_id(w, &m->id);
	m->code = wire_u8(w);
	m->text = msg_text_get(w);
	return wire_end(w) && m->code >= MSG_AUTH_AUTHENTICATIONFAILED &&
	    m->code <= MSG_AUTH_AUTHORIZATIONFAILED;
}

void
msg_auth_ok_put(struct buf *b, const struct msg_auth_ok *m)
{
	assert(m->account.n > 0 && m->account.n <= MSG_ACCOUNT_MAX &&
	    m->final.n <= MSG_FINAL_MAX);
	put_id(b, MSG_AUTH_OK, &m->id);
	msg_id_put(b, m->grant);
	wire_put_bytes(b, m->account);
	wire_put_bytes(b, m->final);
}

bool
msg_auth_ok_get(struct wire *w, struct msg_auth_ok *m)
{
	take_id(w, &m->id);
	msg_id_get(w, m->grant);
	m->account = msg_account_get(w);
	m->final = wire_bytes(w, MSG_FINAL_MAX);
	return wire_end(w);
}

/* [ mech *( SP mech ) ] */
static struct view
take_list(struct wire *w)
{
	struct view v = wire_bytes(w, MSG_AUTH_OFFER_MAX);
	bool space = true;

	for (size_t i = 0; i < v.n; i++) {
		bool sp = v.p[i] == ' ';

		if (v.p[i] < ' ' || v.p[i] > '~' || (sp && space))
			w->ok = false;
		space = sp;
	}
	if (v.n > 0 && space)
		w->ok = false;
	return w->ok ? v : (struct view){ NULL, 0 };
}

void
msg_auth_offer_put(struct buf *b, const struct msg_auth_offer *m)
{
	assert(m->tls.n <= MSG_AUTH_OFFER_MAX &&
	    m->plain.n <= MSG_AUTH_OFFER_MAX &&
	    m->loopback.n <= MSG_AUTH_OFFER_MAX);
	wire_put_u32(b, MSG_AUTH_OFFER);
	wire_put_bytes(b, m->tls);
	wire_put_bytes(b, m->plain);
	wire_put_bytes(b, m->loopback);
	msg_bool_put(b, m->login_plain);
	msg_bool_put(b, m->login_loopback);
}

bool
msg_auth_offer_get(struct wire *w, struct msg_auth_offer *m)
{
	m->tls = take_list(w);
	m->plain = take_list(w);
	m->loopback = take_list(w);
	m->login_plain = msg_bool_get(w);
	m->login_loopback = msg_bool_get(w);
	return wire_end(w);
}
