#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "session/hub.h"
#include "session/pop3_inside.h"
#include "session/uidmap.h"
#include "store/lock.h"
#include "store/mailbox.h"
#include "store/tx.h"

/*
 * The session: the maildrop is copied (24 bytes a message) at login, so numbers
 * and sizes cannot change whatever happens to INBOX. What is expunged by others
 * meanwhile is learnt before each batch of commands.
 *
 * RFC 1939 section 4 wants the maildrop locked "as necessary". Our store needs
 * no lock for that; it is taken nevertheless, since two clients that both fetch
 * and delete would each get all the mail. Who finds it held waits a moment, as
 * the session before may be just ending.
 */
#define ROWS 512 /* read at once */

/* ---- answers ---- */

void
pop3_ok(struct pop3 *p, enum pop3_text text)
{
	buf_put_str(&p->c.out.b, "+OK ");
	buf_put_str(&p->c.out.b, pop3_text(text, p->language));
	buf_put_str(&p->c.out.b, "\r\n");
}

void
pop3_err(struct pop3 *p, enum pop3_text text)
{
	buf_put_str(&p->c.out.b, "-ERR ");
	buf_put_str(&p->c.out.b, pop3_text(text, p->language));
	buf_put_str(&p->c.out.b, "\r\n");
}

/* "n octets", as in STAT and LIST. */
static void
put_pair(struct buf *b, uint64_t x, uint64_t y)
{
	buf_put_dec(b, x);
	buf_put_byte(b, ' ');
	buf_put_dec(b, y);
	buf_put_str(b, "\r\n");
}

static void
log_failure(struct pop3 *p, const char *event, int r)
{
	struct log_line l;

	log_begin(&l, p->c.log, LOG_FAILURES, event);
	log_view(&l, "user", p->c.env->user);
	log_i64(&l, "result", r);
	if (p->c.account != NULL)
		log_str(&l, "why", account_why(p->c.account));
	log_end(&l);
}

/* ---- the maildrop ---- */

static void
take_rows(struct pop3 *p, const struct message_row *row, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p->set->hide_seen &&
		    (row[i].flags.system & STORE_SEEN) != 0)
			continue;
		p->m[p->n++] = (struct pop3_message){ .body = row[i].body,
			.uid = row[i].uid,
			.size = row[i].size };
		p->octets += row[i].size;
	}
}

static int
load(struct pop3 *p)
{
	struct message_row *row;
	struct mailbox_row box;
	uint32_t next = 1;
	size_t n, max;
	int r = mailbox_get(p->c.account, POP3_INBOX, &box);

	if (r != 0)
		return r;
	max = box.messages;
	if (max > POP3_MESSAGES_MAX)
		return -E2BIG;
	p->uidvalidity = box.uidvalidity;
	p->uidnext = box.uidnext;
	p->position = box.highestmodseq;
	p->m = xcalloc(max > 0 ? max : 1, sizeof(*p->m));
	row = xcalloc(ROWS, sizeof(*row));
	do {
		n = 0;
		if (next < box.uidnext)
			r = message_rows(p->c.account, POP3_INBOX, next,
			    box.uidnext - 1, row, max < ROWS ? max : ROWS, &n);
		if (r != 0 || n == 0)
			break;
		take_rows(p, row, n);
		max -= n;
		next = row[n - 1].uid + 1;
	} while (max > 0);
	free(row);
	p->left = (uint32_t)p->n;
	return r;
}

/* The messages among runs are gone. */
static void
mark_gone(struct pop3 *p, const struct uid_run *runs, size_t n, bool gone)
{
	size_t k = 0;

	if (n == 0 && gone)
		return;
	for (size_t i = 0; i < p->n; i++) {
		while (k < n && runs[k].hi < p->m[i].uid)
			k++;
		if ((k < n && runs[k].lo <= p->m[i].uid) == gone)
			p->m[i].gone = true;
	}
}

/* What was expunged by others since the last look. */
static int
look(struct pop3 *p)
{
	struct mailbox_changes ch;
	struct mailbox_row box;
	struct uid_run *runs;
	uint64_t now;
	size_t n;
	int r = account_modseq(p->c.account, &now);

	if (r != 0 || now == p->position)
		return r;
	r = mailbox_changes(
	    p->c.account, POP3_INBOX, p->position, UINT32_MAX, &ch);
	if (r != 0)
		return r;
	if (!ch.incomplete)
		mark_gone(p, ch.expunged, ch.n_expunged, true);
	else if ((r = mailbox_open(
		      p->c.account, POP3_INBOX, &box, &runs, &n)) == 0) {
		mark_gone(p, runs, n, false);
		free(runs);
	}
	mailbox_changes_fini(&ch);
	p->position = now;
	return r;
}

/* Message number of a command as an index, if it may be used; answered
 * otherwise. */
static bool
find(struct pop3 *p, const struct pop3_command *c, size_t *i)
{
	if (c->number == 0 || c->number > p->n) {
		pop3_err(p, POP3_TEXT_NO_MESSAGE);
		return false;
	}
	*i = c->number - 1;
	if (p->m[*i].deleted)
		pop3_err(p, POP3_TEXT_IS_DELETED);
	return !p->m[*i].deleted;
}

/* ---- commands ---- */

static void
on_capa(struct pop3 *p)
{
	pop3_ok(p, POP3_TEXT_CAPABILITIES);
	pop3_capabilities_put(&p->c.out.b, p->set, false);
	buf_put_str(&p->c.out.b, ".\r\n");
}

static void
on_stat(struct pop3 *p)
{
	buf_put_str(&p->c.out.b, "+OK ");
	put_pair(&p->c.out.b, p->left, p->octets);
}

static void
put_count(struct pop3 *p)
{
	struct buf *b = &p->c.out.b;

	buf_put_str(b, "+OK ");
	buf_put_dec(b, p->left);
	buf_put_byte(b, ' ');
	buf_put_str(b, pop3_text(POP3_TEXT_MESSAGES, p->language));
	buf_put_str(b, "\r\n");
}

static void
on_list(struct pop3 *p, const struct pop3_command *c)
{
	struct buf *b = &p->c.out.b;
	size_t i;

	if (c->has_number) {
		if (!find(p, c, &i))
			return;
		buf_put_str(b, "+OK ");
		put_pair(b, c->number, p->m[i].size);
		return;
	}
	put_count(p);
	for (i = 0; i < p->n && p->c.out.error == 0; i++) {
		if (!p->m[i].deleted)
			put_pair(b, i + 1, p->m[i].size);
		output_turn(&p->c.out);
	}
	buf_put_str(b, ".\r\n");
}

static void
put_uidl(struct pop3 *p, size_t i)
{
	struct buf *b = &p->c.out.b;

	buf_put_dec(b, i + 1);
	buf_put_byte(b, ' ');
	uidl_put(p->uidl, p->uidvalidity, p->m[i].uid, b);
	buf_put_str(b, "\r\n");
}

static void
on_uidl(struct pop3 *p, const struct pop3_command *c)
{
	size_t i;

	if (c->has_number && !find(p, c, &i))
		return;
	if (p->uidl == NULL)
		p->uidl = uidl_load(p->c.env->dir, p->uidvalidity);
	if (c->has_number) {
		buf_put_str(&p->c.out.b, "+OK ");
		put_uidl(p, i);
		return;
	}
	put_count(p);
	for (i = 0; i < p->n && p->c.out.error == 0; i++) {
		if (!p->m[i].deleted)
			put_uidl(p, i);
		output_turn(&p->c.out);
	}
	buf_put_str(&p->c.out.b, ".\r\n");
}

static void
on_retr(struct pop3 *p, const struct pop3_command *c)
{
	bool whole = c->verb == POP3_RETR;
	size_t i;

	if (!find(p, c, &i))
		return;
	if (p->m[i].gone) {
		pop3_err(p, POP3_TEXT_GONE);
		return;
	}
	if (pop3_send(p, i, whole ? UINT64_MAX : c->lines) && whole &&
	    p->set->mark_seen && p->c.out.error == 0)
		p->m[i].fetched = p->any_fetched = true;
}

static void
on_dele(struct pop3 *p, const struct pop3_command *c)
{
	size_t i;

	if (!find(p, c, &i))
		return;
	p->m[i].deleted = true;
	p->left--;
	p->octets -= p->m[i].size;
	pop3_ok(p, POP3_TEXT_DELETED);
}

static void
on_rset(struct pop3 *p)
{
	for (size_t i = 0; i < p->n; i++) {
		if (!p->m[i].deleted)
			continue;
		p->m[i].deleted = false;
		p->left++;
		p->octets += p->m[i].size;
	}
	pop3_ok(p, POP3_TEXT_RESET);
}

static void
on_lang(struct pop3 *p, const struct pop3_command *c)
{
	struct buf *b = &p->c.out.b;

	if (c->range.n == 0) {
		pop3_ok(p, POP3_TEXT_LANGUAGES);
		for (int i = 0; i < POP3_LANGUAGES; i++)
			buf_printf(b, "%s %s\r\n",
			    pop3_language_tag((enum pop3_language)i),
			    pop3_language_name((enum pop3_language)i));
		buf_put_str(b, ".\r\n");
		return;
	}
	if (!pop3_language_find(c->range, &p->language)) {
		pop3_err(p, POP3_TEXT_NO_LANGUAGE);
		return;
	}
	buf_printf(b, "+OK %s %s\r\n", pop3_language_tag(p->language),
	    pop3_text(POP3_TEXT_LANGUAGE, p->language));
}

/* ---- the end of a session ---- */

static int
set_seen(struct tx *t, const struct uidset *set)
{
	const struct store_flags seen = { .system = STORE_SEEN };
	struct uid_run *changed = NULL, *modified = NULL;
	size_t n, m;
	int r;

	if (set->n == 0)
		return 0;
	r = tx_flags(t, POP3_INBOX, set->run, set->n, TX_FLAGS_ADD, &seen, 0,
	    &changed, &n, &modified, &m);
	free(changed);
	free(modified);
	return r;
}

static int
expunge(struct tx *t, const struct uidset *set)
{
	struct uid_run *gone = NULL;
	size_t n;
	int r;

	if (set->n == 0)
		return 0;
	r = tx_expunge(t, POP3_INBOX, set->run, set->n, false, &gone, &n);
	free(gone);
	return r;
}

/* One commit. */
static int
commit(struct pop3 *p, const struct uidset *seen, const struct uidset *deleted)
{
	uint64_t modseq;
	struct tx *t;
	int r = tx_begin(p->c.account, &t);

	if (r != 0)
		return r;
	if ((r = set_seen(t, seen)) != 0 || (r = expunge(t, deleted)) != 0) {
		tx_abort(&t);
		return r;
	}
	if ((r = tx_commit(&t, &modseq)) == 0)
		hub_committed(p->c.env->hub, modseq);
	return r;
}

/* Do what the session has asked for: \Seen, and after QUIT removal. */
static int
update(struct pop3 *p, bool quit)
{
	struct uidset seen = { 0 }, deleted = { 0 };
	int r = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct pop3_message *m = &p->m[i];

		if (quit && m->deleted)
			uidset_add(&deleted, m->uid, m->uid);
		else if (m->fetched && !m->gone)
			uidset_add(&seen, m->uid, m->uid);
	}
	if (seen.n > 0 || deleted.n > 0)
		r = commit(p, &seen, &deleted);
	if (r != 0)
		log_failure(p, "update", r);
	p->any_fetched = false;
	uidset_fini(&seen);
	uidset_fini(&deleted);
	return r;
}

static void
on_quit(struct pop3 *p)
{
	pop3_forget(p);
	/* what did not get to the client is not removed from here */
	if (output_flush(&p->c.out) != 0) {
		client_end(&p->c, CLIENT_GONE);
		return;
	}
	if (update(p, true) == 0)
		pop3_ok(p, POP3_TEXT_BYE);
	else
		pop3_err(p, POP3_TEXT_NOT_REMOVED);
	client_end(&p->c, CLIENT_LOGOUT);
}

/* ---- the life of a session ---- */

static void
run_command(struct pop3 *p, const struct pop3_command *c)
{
	switch (c->verb) {
	case POP3_CAPA:
		on_capa(p);
		break;
	case POP3_DELE:
		on_dele(p, c);
		break;
	case POP3_LANG:
		on_lang(p, c);
		break;
	case POP3_LIST:
		on_list(p, c);
		break;
	case POP3_NOOP:
		pop3_ok(p, POP3_TEXT_NOTHING);
		break;
	case POP3_QUIT:
		on_quit(p);
		break;
	case POP3_RETR:
	case POP3_TOP:
		on_retr(p, c);
		break;
	case POP3_RSET:
		on_rset(p);
		break;
	case POP3_STAT:
		on_stat(p);
		break;
	case POP3_UIDL:
		on_uidl(p, c);
		break;
	case POP3_XMIT:
		pop3_xmit_begin(p);
		break;
	case POP3_BEFORE:
		pop3_err(p, POP3_TEXT_BEFORE);
		break;
	}
}

static void
error(struct pop3 *p, enum pop3_text text)
{
	if (++p->errors <= POP3_ERRORS_MAX) {
		pop3_err(p, text);
		return;
	}
	pop3_err(p, POP3_TEXT_TOO_MANY);
	client_end(&p->c, CLIENT_REFUSED);
}

static void
one_line(struct pop3 *p, struct view line)
{
	struct pop3_command c;

	switch (pop3_command_parse(line, &c)) {
	case POP3_OK:
		if (c.verb == POP3_XMIT && p->set->xmit == NULL) {
			error(p, POP3_TEXT_UNKNOWN);
			break;
		}
		p->errors = 0;
		run_command(p, &c);
		break;
	case POP3_UNKNOWN:
		error(p, POP3_TEXT_UNKNOWN);
		break;
	case POP3_ARGUMENTS:
		error(p, POP3_TEXT_ARGUMENTS);
		break;
	}
}

static void
take_input(struct pop3 *p)
{
	struct view line;

	while (!p->c.ending) {
		if (p->xmitting != NULL) {
			pop3_xmit_take(p);
			if (p->xmitting != NULL)
				return;
		}
		switch (line_take(&p->line, &p->c.input, &line)) {
		case LINE_MORE:
			return;
		case LINE_DONE:
			one_line(p, line);
			break;
		case LINE_TOO_LONG:
			error(p, POP3_TEXT_TOO_LONG);
			break;
		}
		output_turn(&p->c.out);
		client_check(&p->c);
	}
}

/* ---- beginning ---- */

/* -ETIMEDOUT: another session has the maildrop, and goes on having it. */
static int
take_lock(struct pop3 *p, int *fd)
{
	*fd = openat(p->c.env->dir, POP3_LOCK_FILE,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*fd == -1)
		return -errno;
	return lock_take(*fd, POP3_LOCK_MS);
}

/* Is it too soon after the last login? If not, this is the last one now. */
static bool
too_soon(struct pop3 *p)
{
	AUTO_CLOSE int fd = -1;
	struct timespec now;
	struct stat st;

	if (p->set->login_delay_s == 0)
		return false;
	clock_gettime(CLOCK_REALTIME, &now);
	if (fstatat(p->c.env->dir, POP3_LOGIN_FILE, &st, AT_SYMLINK_NOFOLLOW) ==
		0 &&
	    st.st_mtim.tv_sec <= now.tv_sec &&
	    now.tv_sec - st.st_mtim.tv_sec < p->set->login_delay_s)
		return true;
	/* a write of any octet sets the time, without a call of its own */
	fd = openat(p->c.env->dir, POP3_LOGIN_FILE,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd != -1)
		(void)!fd_write(fd, VIEW_LIT("\n"));
	return false;
}

/* Refuse the login. */
static void
refuse(struct pop3 *p, enum pop3_text text, enum client_end end)
{
	pop3_err(p, text);
	client_end(&p->c, end);
}

static void
open_maildrop(struct pop3 *p, int *lock)
{
	int r;

	if ((r = client_account(&p->c)) != 0) {
		/* after a login the gate still has the client, and answers */
		if (p->c.env->first == CLIENT_PREAUTH)
			pop3_err(p, POP3_TEXT_NO_ACCOUNT);
		client_end(&p->c, CLIENT_FAILED);
		return;
	}
	hub_ready(p->c.env->hub);
	if (p->set->exclusive && (r = take_lock(p, lock)) == -ETIMEDOUT) {
		refuse(p, POP3_TEXT_IN_USE, CLIENT_REFUSED);
		return;
	}
	if (p->set->exclusive && r != 0) /* rather without than not at all */
		log_failure(p, "lock", r);
	if (too_soon(p)) {
		refuse(p, POP3_TEXT_TOO_SOON, CLIENT_REFUSED);
		return;
	}
	if ((r = load(p)) != 0) {
		log_failure(p, "open-maildrop", r);
		refuse(p, POP3_TEXT_NO_ACCOUNT, CLIENT_FAILED);
		return;
	}
	put_count(p);
}

static void
serve(struct pop3 *p)
{
	int r;

	while (!p->c.ending) {
		if (p->c.input.n == 0)
			pop3_forget(p);
		/* RFC 1939 section 3: nothing is said at an autologout */
		if (!client_wait(&p->c,
			line_idle(&p->line) && p->xmitting == NULL, false))
			break;
		client_limit_cpu(&p->c);
		if ((r = look(p)) != 0)
			log_failure(p, "look", r);
		take_input(p);
	}
}

enum client_end
pop3_run(const struct client_env *env, const struct pop3_settings *set)
{
	struct pop3 p = { .set = set, .language = set->language };
	AUTO_CLOSE int lock = -1;

	client_begin(&p.c, env, POP3_IDLE_MS);
	line_init(&p.line, POP3_LINE);
	scan_init(&p.dot, VIEW_LIT("\n."));
	open_maildrop(&p, &lock);
	serve(&p);
	if (p.c.account != NULL) {
		pop3_forget(&p);
		/* what is hidden from now on must have arrived, which nothing
		 * but QUIT says (RFC 1939 section 6) */
		if (p.any_fetched && !set->hide_seen)
			(void)!update(&p, false);
	}
	pop3_xmit_fini(&p);
	uidl_free(&p.uidl);
	line_fini(&p.line);
	free(p.m);
	/* before a refusal is sent (RFC 1939 section 4) */
	fd_close(&lock);
	return client_finish(&p.c);
}
