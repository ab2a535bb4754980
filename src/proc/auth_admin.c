#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "proc/auth.h"

/*
 * Changes are kept as they came and made at COMMIT, all in one transaction.
 * Only afterwards are sessions ended.
 */
struct auth_change {
	struct auth_change *next;
	uint32_t type; /* enum msg_admin_type */
	size_t n;
	uint8_t bytes[]; /* the fields */
};

static void
forget_changes(struct auth_admin *c)
{
	while (c->first != NULL) {
		struct auth_change *x = c->first;

		c->first = x->next;
		explicit_bzero(x->bytes, x->n);
		free(x);
	}
	c->last = &c->first;
	c->changes = c->bytes = 0;
}

/* Keep the message, whose fields are good. */
static bool
keep(struct auth_admin *c, uint32_t type, struct view fields)
{
	struct auth_change *x;

	if (c->changes >= MSG_ADMIN_CHANGES_MAX ||
	    fields.n > MSG_ADMIN_BYTES_MAX - c->bytes)
		return false;
	x = xmalloc(sizeof(*x) + fields.n);
	x->next = NULL;
	x->type = type;
	x->n = fields.n;
	memcpy(x->bytes, fields.p, fields.n);
	*c->last = x;
	c->last = &x->next;
	c->changes++;
	c->bytes += fields.n;
	return true;
}

static bool
on_add(void *ctx, struct wire *w, int *fd)
{
	struct view fields = w->in;
	struct msg_admin_add m;

	(void)fd;
	return msg_admin_add_get(w, &m) && keep(ctx, MSG_ADMIN_ADD, fields);
}

static bool
on_remove(void *ctx, struct wire *w, int *fd)
{
	struct view fields = w->in, name;

	(void)fd;
	return msg_admin_remove_get(w, &name) &&
	    keep(ctx, MSG_ADMIN_REMOVE, fields);
}

static bool
on_secret(void *ctx, struct wire *w, int *fd)
{
	struct view fields = w->in;
	struct msg_admin_set_secret m;

	(void)fd;
	return msg_admin_set_secret_get(w, &m) &&
	    keep(ctx, MSG_ADMIN_SECRET, fields);
}

static bool
on_disable(void *ctx, struct wire *w, int *fd)
{
	struct view fields = w->in;
	struct msg_admin_disable m;

	(void)fd;
	return msg_admin_disable_get(w, &m) &&
	    keep(ctx, MSG_ADMIN_DISABLE, fields);
}

static bool
on_services(void *ctx, struct wire *w, int *fd)
{
	struct view fields = w->in;
	struct msg_admin_services m;

	(void)fd;
	return msg_admin_services_get(w, &m) &&
	    keep(ctx, MSG_ADMIN_SERVICES, fields);
}

/* ---- making them ---- */

/* False when what is stored makes no sense. */
static bool
read_secret(const struct msg_admin_secret *m, struct directory_secret *out)
{
	memset(out, 0, sizeof(*out));
	if (m->password.n > 0)
		memcpy(out->password, m->password.p, m->password.n);
	out->has_sha256 = m->sha256.n > 0;
	out->has_sha1 = m->sha1.n > 0;
	return (!out->has_sha256 ||
		   scram_keys_parse(SCRAM_SHA_256, m->sha256, &out->sha256)) &&
	    (!out->has_sha1 ||
		scram_keys_parse(SCRAM_SHA_1, m->sha1, &out->sha1));
}

static enum directory_result
bad_secret(struct why *w)
{
	why(w, -EINVAL, "the keys are not such");
	return DIRECTORY_FAILED;
}

static enum directory_result
make_add(struct auth *a, struct wire *w, struct why *y)
{
	struct directory_secret secret;
	struct msg_admin_add m;
	struct directory_new n;
	enum directory_result r;

	if (!msg_admin_add_get(w, &m) || !read_secret(&m.secret, &secret))
		return bad_secret(y);
	n = (struct directory_new){ .name = m.name,
		.has_uid = m.has_uid,
		.uid = m.uid,
		.gid = m.gid,
		.services = DIRECTORY_SERVICES_ALL,
		.secret = &secret };
	r = directory_add(a->dir, &n, &a->uids, y);
	explicit_bzero(&secret, sizeof(secret));
	return r;
}

static enum directory_result
make_secret(struct auth *a, struct wire *w, struct why *y)
{
	struct directory_secret secret;
	struct msg_admin_set_secret m;
	enum directory_result r;

	if (!msg_admin_set_secret_get(w, &m) ||
	    !read_secret(&m.secret, &secret))
		return bad_secret(y);
	r = directory_set_secret(a->dir, m.name, &secret, y);
	explicit_bzero(&secret, sizeof(secret));
	return r;
}

static enum directory_result
make_change(struct auth *a, const struct auth_change *x, struct why *y)
{
	struct wire w = wire_read((struct view){ x->bytes, x->n });
	struct msg_admin_services s;
	struct msg_admin_disable d;
	struct view name;

	if (x->type == MSG_ADMIN_ADD)
		return make_add(a, &w, y);
	if (x->type == MSG_ADMIN_SECRET)
		return make_secret(a, &w, y);
	if (x->type == MSG_ADMIN_REMOVE && msg_admin_remove_get(&w, &name))
		return directory_remove(a->dir, name, y);
	if (x->type == MSG_ADMIN_DISABLE && msg_admin_disable_get(&w, &d))
		return directory_set_disabled(a->dir, d.name, d.disabled, y);
	if (x->type == MSG_ADMIN_SERVICES && msg_admin_services_get(&w, &s))
		return directory_set_services(a->dir, s.name, s.services, y);
	return DIRECTORY_FAILED;
}

static uint8_t
code_of(enum directory_result r)
{
	switch (r) {
	case DIRECTORY_OK:
		return MSG_ADMIN_OK;
	case DIRECTORY_UNKNOWN:
		return MSG_ADMIN_UNKNOWN;
	case DIRECTORY_EXISTS:
		return MSG_ADMIN_EXISTS;
	case DIRECTORY_NAME:
	case DIRECTORY_ROOT:
		return MSG_ADMIN_NAME;
	case DIRECTORY_FULL:
	case DIRECTORY_FAILED:
		break;
	}
	return MSG_ADMIN_FAILED;
}

static enum directory_result
make_all(struct auth_admin *c, uint32_t *index, struct why *w)
{
	struct auth *a = c->auth;
	enum directory_result r = directory_begin(a->dir, w);

	*index = 0;
	for (struct auth_change *x = c->first; x != NULL && r == DIRECTORY_OK;
	     x = x->next)
		if ((r = make_change(a, x, w)) == DIRECTORY_OK)
			(*index)++;
	if (r == DIRECTORY_OK)
		r = directory_commit(a->dir, w);
	directory_rollback(a->dir);
	return r;
}

/* What it takes from somebody who is logged in; NULL: nothing. */
static const char *
takes(const struct auth_change *x, struct view *name)
{
	struct wire w = wire_read((struct view){ x->bytes, x->n });
	struct msg_admin_set_secret s;
	struct msg_admin_services m;
	struct msg_admin_disable d;

	if (x->type == MSG_ADMIN_REMOVE && msg_admin_remove_get(&w, name))
		return "this account was removed";
	if (x->type == MSG_ADMIN_SECRET && msg_admin_set_secret_get(&w, &s)) {
		*name = s.name;
		return "the password was changed";
	}
	if (x->type == MSG_ADMIN_DISABLE && msg_admin_disable_get(&w, &d) &&
	    d.disabled) {
		*name = d.name;
		return "this account was disabled";
	}
	if (x->type == MSG_ADMIN_SERVICES && msg_admin_services_get(&w, &m) &&
	    m.services != DIRECTORY_SERVICES_ALL) {
		*name = m.name;
		return "the services of this account were changed";
	}
	return NULL;
}

static void
log_change(struct auth *a, const struct auth_change *x)
{
	struct wire w = wire_read((struct view){ x->bytes, x->n });
	static const char *const events[] = { "account-add", "account-remove",
		"account-password", "account-disable", NULL, NULL,
		"account-services" };
	struct view name = msg_account_get(&w);
	struct log_line l;

	log_begin(&l, a->log, LOG_MAJOR, events[x->type - MSG_ADMIN_ADD]);
	log_view(&l, "user", name);
	if (x->type == MSG_ADMIN_DISABLE)
		log_u64(&l, "disabled", wire_u8(&w));
	if (x->type == MSG_ADMIN_SERVICES)
		log_u64(&l, "services", wire_u32(&w));
	log_end(&l);
}

static void
tell_all(struct auth_admin *c)
{
	for (struct auth_change *x = c->first; x != NULL; x = x->next) {
		const char *text;
		struct view as_written;
		struct name name;

		log_change(c->auth, x);
		if ((text = takes(x, &as_written)) != NULL &&
		    name_parse(as_written, &name))
			auth_disconnect(c->auth, name.text, text);
	}
}

static bool
on_commit(void *ctx, struct wire *w, int *fd)
{
	struct auth_admin *c = ctx;
	AUTO_BUF struct buf b = peer_msg();
	struct msg_admin_result m = { 0 };
	struct why y = { "" };
	char text[MSG_TEXT_MAX + 1];
	enum directory_result r;

	(void)fd;
	if (!wire_end(w))
		return false;
	r = make_all(c, &m.index, &y);
	m.code = code_of(r);
	if (r == DIRECTORY_FAILED)
		log_why(c->auth->log, LOG_FAILURES, "account-change", &y);
	if (r == DIRECTORY_OK) {
		c->auth->changes++;
		auth_lmtp_changed(c->auth);
		tell_all(c);
	}
	forget_changes(c);
	(void)snprintf(text, sizeof(text), "%s",
	    r == DIRECTORY_FAILED && y.text[0] != '\0' ? y.text
						       : directory_text(r));
	m.text = view_str(text);
	msg_admin_result_put(&b, &m);
	return peer_send(&c->peer, &b, -1) == 0;
}

/* ---- the list ---- */

static bool
send_row(struct auth_admin *c, const struct directory_account *a)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_admin_row m = { .name = view_str(a->name),
		.uid = a->uid,
		.gid = a->gid,
		.path = view_str(a->path),
		.disabled = a->disabled,
		.services = a->services,
		.created = (uint64_t)a->created };

	msg_admin_row_put(&b, &m);
	return peer_send(&c->peer, &b, -1) == 0;
}

static bool
on_list(void *ctx, struct wire *w, int *fd)
{
	struct auth_admin *c = ctx;
	AUTO_FREE struct directory_account *rows = NULL;
	AUTO_BUF struct buf b = peer_msg();
	char after[MSG_ACCOUNT_MAX + 1];
	struct view v;
	struct why y = { "" };
	size_t n;

	(void)fd;
	if (!msg_admin_list_get(w, &v))
		return false;
	if (v.n > 0)
		memcpy(after, v.p, v.n);
	after[v.n] = '\0';
	rows = xcalloc(MSG_ADMIN_ROWS_MAX, sizeof(*rows));
	if (directory_list(c->auth->dir, after, rows, MSG_ADMIN_ROWS_MAX, &n,
		&y) != DIRECTORY_OK) {
		log_why(c->auth->log, LOG_FAILURES, "account-list", &y);
		return false;
	}
	for (size_t i = 0; i < n; i++)
		if (!send_row(c, &rows[i]))
			return false;
	msg_admin_plain_put(&b, MSG_ADMIN_END);
	return peer_send(&c->peer, &b, -1) == 0;
}

const struct peer_rule auth_admin_rules[] = {
	{ MSG_ADMIN_ADD, 1, MSG_ADMIN_ADD_MAX, PEER_NO_FD, on_add },
	{ MSG_ADMIN_REMOVE, 1, MSG_ADMIN_REMOVE_MAX, PEER_NO_FD, on_remove },
	{ MSG_ADMIN_SECRET, 1, MSG_ADMIN_SET_SECRET_MAX, PEER_NO_FD,
	    on_secret },
	{ MSG_ADMIN_DISABLE, 1, MSG_ADMIN_DISABLE_MAX, PEER_NO_FD, on_disable },
	{ MSG_ADMIN_SERVICES, 1, MSG_ADMIN_SERVICES_MAX, PEER_NO_FD,
	    on_services },
	{ MSG_ADMIN_COMMIT, 1, 0, PEER_NO_FD, on_commit },
	{ MSG_ADMIN_LIST, 1, MSG_ADMIN_LIST_MAX, PEER_NO_FD, on_list },
};
const size_t auth_admin_rules_n =
    sizeof(auth_admin_rules) / sizeof(auth_admin_rules[0]);

/* ---- callers ---- */

void
auth_admin_free(struct auth_admin *c)
{
	for (size_t i = 0; i < MSG_ADMIN_CALLERS_MAX; i++)
		if (c->auth->admin[i] == c)
			c->auth->admin[i] = NULL;
	forget_changes(c);
	loop_task_del(&c->free);
	peer_close(&c->peer);
	free(c);
}

/* Not at once: the peer may still be on the stack. */
static void
free_later(void *ctx)
{
	auth_admin_free(ctx);
}

static void
admin_lost(void *ctx, const char *why)
{
	struct auth_admin *c = ctx;

	if (strcmp(why, "closed") != 0)
		log_say(c->auth->log, LOG_PROBLEMS, "admin-lost", "%s", why);
	forget_changes(c);
	loop_task_add(c->auth->loop, &c->free, free_later, c);
}

int
auth_admin_open(struct auth *a, int fd)
{
	AUTO_CLOSE int mine = fd;
	struct auth_admin *c;
	size_t i = 0;
	int r;

	while (i < MSG_ADMIN_CALLERS_MAX && a->admin[i] != NULL)
		i++;
	if (i == MSG_ADMIN_CALLERS_MAX)
		return -EBUSY;
	c = xcalloc(1, sizeof(*c));
	c->auth = a;
	c->last = &c->first;
	peer_init(&c->peer, "admin", auth_admin_rules, auth_admin_rules_n, c,
	    admin_lost);
	if ((r = peer_open(&c->peer, a->loop, fd_take(&mine), 1)) != 0) {
		free(c);
		return r;
	}
	a->admin[i] = c;
	return 0;
}

/* Root, or auth's own user (without root that is everybody's). */
static bool
may_administrate(int fd)
{
	struct ucred c;
	socklen_t n = sizeof(c);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) == 0 &&
	    n == sizeof(c) && (c.uid == 0 || c.uid == geteuid());
}

void
auth_admin_accept(struct auth *a)
{
	AUTO_CLOSE int fd =
	    accept4(a->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd == -1)
		return;
	if (!may_administrate(fd)) {
		log_say(a->log, LOG_PROBLEMS, "admin", "refused a caller");
		return;
	}
	if (auth_admin_open(a, fd_take(&fd)) != 0)
		log_say(a->log, LOG_PROBLEMS, "admin", "too many callers");
}
