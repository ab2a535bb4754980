#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "crash.h"
#include "session/scripts.h"

/*
 * The Sieve scripts of an account: a chain of changes, of which each has been
 * made or not, and nothing else may be seen.
 */

enum {
	TRIED, /* value: number of the change */
	ACKED,
	EXTRA, /* the second process has stored its script */
};

enum { PUT, ACTIVATE, RENAME, DELETE };

static char long_one[SCRIPTS_NAME_MAX + 1], long_two[SCRIPTS_NAME_MAX + 1];

static const struct change {
	int what;
	const char *name, *other; /* other: text, or new name */
} changes[] = {
	{ PUT, "a", "keep;" },
	{ PUT, "b", "stop;" },
	{ ACTIVATE, "a", NULL },
	{ PUT, "a", "discard;" },
	{ RENAME, "a", "../c" },
	{ PUT, long_one, "stop;" },
	{ RENAME, "../c", long_two },
	{ ACTIVATE, "b", NULL },
	{ DELETE, long_two, NULL },
	{ RENAME, "b", "a" },
	{ ACTIVATE, "", NULL },
	{ DELETE, "a", NULL },
};
#define CHANGES (sizeof(changes) / sizeof(changes[0]))

static struct view
v(const char *s)
{
	return view_str(s);
}

static int
make(struct scripts *s, const struct change *c)
{
	switch (c->what) {
	case PUT:
		return scripts_put(s, v(c->name), v(c->other));
	case ACTIVATE:
		return scripts_activate(s, v(c->name));
	case RENAME:
		return scripts_rename(s, v(c->name), v(c->other));
	}
	return scripts_delete(s, v(c->name));
}

static void
run(int dirfd, int round)
{
	AUTO_SCRIPTS struct scripts *s = scripts_new(dirfd, NULL);

	if (round == 1) {
		if (scripts_put(s, v("extra"), v("keep;")) == 0)
			crash_mark(EXTRA, 0);
		return;
	}
	for (size_t i = 0; i < CHANGES; i++) {
		crash_mark(TRIED, i + 1);
		/* which of the two it is after a failure nobody knows */
		if (make(s, &changes[i]) != 0)
			return;
		crash_mark(ACKED, i + 1);
	}
}

/* ---- what must be there ---- */

struct model {
	struct {
		const char *name, *text;
	} script[8];
	const char *active;
};

static void
model_change(struct model *m, const struct change *c)
{
	size_t i = 0;

	while (i < 8 && m->script[i].name != NULL &&
	    strcmp(m->script[i].name, c->name) != 0)
		i++;
	switch (c->what) {
	case PUT:
		m->script[i].name = c->name;
		m->script[i].text = c->other;
		break;
	case ACTIVATE:
		m->active = c->name;
		break;
	case RENAME:
		m->script[i].name = c->other;
		if (m->active != NULL && strcmp(m->active, c->name) == 0)
			m->active = c->other;
		break;
	case DELETE:
		m->script[i].name = "";
		break;
	}
}

static bool
model_has(const struct model *m, struct scripts *s,
    const struct scripts_entry *e, size_t *at)
{
	AUTO_BUF struct buf text = BUF_INIT(SCRIPTS_SIZE_MAX + 8192);

	for (*at = 0; *at < 8; ++*at)
		if (m->script[*at].name != NULL &&
		    view_eq(v(m->script[*at].name), e->name))
			return scripts_get(s, e->name, &text) == 0 &&
			    view_eq(buf_view(&text), v(m->script[*at].text)) &&
			    e->active ==
			    (m->active != NULL &&
				view_eq(v(m->active), e->name));
	return false;
}

/* Is the account as after so many changes? extra: out, it has that one too. */
static bool
is_like(struct scripts *s, size_t changed, bool *extra)
{
	AUTO_ARENA struct arena *a = arena_new(1 << 20);
	struct model m = { .active = NULL };
	struct scripts_entry *e;
	size_t n, want = 0, at;

	*extra = false;
	for (size_t i = 0; i < changed; i++)
		model_change(&m, &changes[i]);
	for (size_t i = 0; i < 8; i++)
		want += m.script[i].name != NULL && *m.script[i].name != '\0';
	if (scripts_list(s, a, &e, &n) != 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (view_eq(e[i].name, v("extra"))) {
			*extra = true;
			continue;
		}
		if (!model_has(&m, s, &e[i], &at))
			return false;
	}
	return n - *extra == want;
}

/* What is kept as good was once a script. */
static bool
good_is_good(struct scripts *s)
{
	AUTO_BUF struct buf text = BUF_INIT(SCRIPTS_SIZE_MAX + 8192);

	if (scripts_good(s, &text) != SCRIPTS_OK)
		return true;
	return view_eq(buf_view(&text), v("keep;")) ||
	    view_eq(buf_view(&text), v("stop;")) ||
	    view_eq(buf_view(&text), v("discard;"));
}

static const char *
check(int dirfd, const struct crash_mark *m, size_t n, bool power)
{
	AUTO_SCRIPTS struct scripts *s = scripts_new(dirfd, NULL);
	size_t tried = 0, acked = 0;
	bool wanted = false, extra;

	(void)power;
	for (size_t i = 0; i < n; i++) {
		if (m[i].kind == TRIED)
			tried = (size_t)m[i].value;
		else if (m[i].kind == ACKED)
			acked = (size_t)m[i].value;
		else
			wanted = true;
	}
	if (!is_like(s, acked, &extra) &&
	    (tried == acked || !is_like(s, tried, &extra)))
		return "neither the old state nor the new";
	if (wanted && !extra)
		return "the script of the second process is gone";
	return good_is_good(s) ? NULL : "the good copy is not good";
}

static void
setup(int dirfd)
{
	(void)dirfd;
}

int
main(int argc, char **argv)
{
	static const enum io_site sites[] = { IO_SYNC_SCRIPT,
		IO_SYNC_SCRIPT_DIR, IO_SYNC_SCRIPT_HOME };
	const struct crash_case c = {
		.name = "scripts", .setup = setup, .run = run, .check = check
	};

	memset(long_one, '/', SCRIPTS_NAME_MAX);
	memset(long_two, 'x', SCRIPTS_NAME_MAX);
	crash_init(argc, argv);
	crash_run(&c);
	crash_sites(sites, sizeof(sites) / sizeof(sites[0]));
	return crash_done();
}
