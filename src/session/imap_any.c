#include "imap/response.h"
#include "session/capability.h"
#include "session/imap_metadata.h"
#include "session/internal.h"

/* The commands of any state (RFC 9051 section 6.1), and NAMESPACE, ENABLE. */

void
imap_capability(struct session *s, const struct command *c)
{
	const struct session_events *e = s->env->events;
	const char *names[CAPABILITY_MAX];
	size_t n = capability_list(e != NULL ? e->capability : NULL, names);

	(void)c;
	response_capability(&s->c.out.b, names, n);
	session_ok(s, NULL);
}

/* NOOP and CHECK: the news come with the answer. */
void
imap_noop(struct session *s, const struct command *c)
{
	(void)c;
	session_ok(s, NULL);
}

void
imap_logout(struct session *s, const struct command *c)
{
	(void)c;
	session_bye(s, CLIENT_LOGOUT, NULL, "Logging out");
	session_ok(s, NULL);
}

static void
log_id(struct session *s, const struct command_id *id)
{
	struct log_line l;

	log_begin(&l, s->c.log, LOG_LOW_LEVEL, "client-id");
	for (size_t i = 0; i < id->n; i++) {
		log_view(&l, "field", id->fields[i].name);
		log_view(&l, "value", id->fields[i].value);
	}
	log_end(&l);
}

void
imap_id(struct session *s, const struct command *c)
{
	static const struct command_id_field ours[] = {
		{ .name = { (const uint8_t *)"name", 4 },
		    .value = { (const uint8_t *)"fumi", 4 } },
	};

	if (!s->st.id_given)
		log_id(s, &c->u.id);
	s->st.id_given = true;
	response_id(&s->c.out.b, ours, sizeof(ours) / sizeof(ours[0]));
	session_ok(s, NULL);
}

void
imap_namespace(struct session *s, const struct command *c)
{
	(void)c;
	response_namespace(&s->c.out.b, STORE_DELIMITER);
	session_ok(s, NULL);
}

/* RFC 5161; unknown ones are passed over. */
void
imap_enable(struct session *s, const struct command *c)
{
	const char *enabled[2];
	bool rev2 = false, metadata = false;
	size_t n = 0;

	for (size_t i = 0; i < c->u.enable.n; i++) {
		struct view name = c->u.enable.capabilities[i];

		rev2 = rev2 || view_eq_ci(name, VIEW_LIT("IMAP4rev2"));
		metadata = metadata || view_eq_ci(name, VIEW_LIT("METADATA"));
	}
	if (rev2) {
		enabled[n++] = "IMAP4rev2";
		s->st.enabled |= STATE_REV2;
	}
	if (metadata && imap_metadata_enable(s))
		enabled[n++] = "METADATA";
	response_enabled(&s->c.out.b, enabled, n);
	session_ok(s, NULL);
}
