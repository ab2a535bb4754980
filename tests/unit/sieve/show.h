#ifndef TESTS_SIEVE_SHOW_H
#define TESTS_SIEVE_SHOW_H

#include "base/buf.h"
#include "sieve/sieve.h"
#include "tap.h"

/* Results as text, so that a table can say what it wants. */

#define SHOW_MAX 100000

static A_UNUSED void
show_flags(const struct sieve_flags *f, struct buf *out)
{
	for (size_t i = 0; i < f->n; i++) {
		buf_put_str(out, i == 0 ? " +" : ",");
		buf_put(out, f->v[i]);
	}
}

static A_UNUSED void
show_action(const struct sieve_action *a, struct buf *out)
{
	switch (a->kind) {
	case SIEVE_KEEP:
		buf_put_str(out, a->u.keep.implicit ? "implicit keep" : "keep");
		show_flags(&a->u.keep.flags, out);
		break;
	case SIEVE_FILEINTO:
		buf_put_str(out, "fileinto ");
		buf_put(out, a->u.fileinto.mailbox.name);
		if (a->u.fileinto.copy)
			buf_put_str(out, " :copy");
		if (a->u.fileinto.mailbox.create)
			buf_put_str(out, " :create");
		show_flags(&a->u.fileinto.mailbox.flags, out);
		break;
	case SIEVE_REDIRECT:
		buf_put_str(out, "redirect ");
		buf_put(out, a->u.redirect.address);
		if (a->u.redirect.copy)
			buf_put_str(out, " :copy");
		break;
	case SIEVE_DISCARD:
		buf_put_str(out, "discard");
		break;
	case SIEVE_REJECT:
		buf_put_str(out, a->u.reject.ereject ? "ereject " : "reject ");
		buf_put(out, a->u.reject.reason);
		break;
	case SIEVE_VACATION:
		buf_put_str(out, "vacation ");
		buf_put(out, a->u.vacation.reason);
		break;
	case SIEVE_NOTIFY:
		buf_put_str(out, "notify ");
		buf_put(out, a->u.notify.method);
		break;
	}
	if (a->edited)
		buf_put_str(out, " (edited)");
}

static A_UNUSED void
show_result(const struct sieve_result *r, struct buf *out)
{
	if (r->end != SIEVE_DONE)
		buf_printf(out, "%s %u: %s; ",
		    r->end == SIEVE_FAILED ? "failed" : "temporary",
		    r->error.line, r->error.text);
	for (size_t i = 0; i < r->n_actions; i++) {
		if (i > 0)
			buf_put_str(out, "; ");
		show_action(&r->actions[i], out);
	}
}

static A_UNUSED void
show_errors(const struct sieve_errors *e, struct buf *out)
{
	for (size_t i = 0; i < e->n; i++)
		buf_printf(out, "%s%u:%u %s", i > 0 ? "; " : "", e->e[i].line,
		    e->e[i].column, e->e[i].text);
}

/* A year, a month and so on that tests count on: Wed, 28 Jun 2006 21:05:07 UTC,
 * in a zone of +0200. */
#define SHOW_NOW INT64_C(1151528707)

static A_UNUSED struct sieve_env
show_env(struct view message)
{
	return (struct sieve_env){
		.message = message,
		.from = VIEW_LIT("sender@example.com"),
		.to = VIEW_LIT("ken+mta-filters@example.com"),
		.now = SHOW_NOW,
		.zone_minutes = 120,
		.host = VIEW_LIT("mail.example.com"),
		.remote_ip = VIEW_LIT("192.0.2.1"),
	};
}

/* Compile and run; what comes out, or the errors. */
static A_UNUSED void
show_run(struct view script, const struct sieve_env *env, struct buf *out)
{
	static struct sieve_errors errors;
	struct sieve_program *p;
	struct sieve_result r;

	if (!sieve_compile(script, NULL, &p, &errors)) {
		show_errors(&errors, out);
		return;
	}
	sieve_run(p, env, &r);
	show_result(&r, out);
	sieve_result_fini(&r);
	sieve_free(&p);
}

struct show_case {
	const char *name, *script, *message, *want;
};

/* One case; true when it came out as wanted. */
static A_UNUSED bool
show_try_env(const struct show_case *c, const struct sieve_env *env)
{
	AUTO_BUF struct buf got = BUF_INIT(SHOW_MAX);
	bool ok;

	show_run(view_str(c->script), env, &got);
	ok = view_eq(buf_view(&got), view_str(c->want));
	tap_ok(ok, "%s", c->name);
	if (!ok)
		printf("# got \"%.*s\"\n# want \"%s\"\n", (int)got.n,
		    got.n > 0 ? (const char *)got.p : "", c->want);
	return ok;
}

static A_UNUSED bool
show_try(const struct show_case *c)
{
	struct sieve_env env = show_env(view_str(c->message));

	return show_try_env(c, &env);
}

#define SHOW_ALL(cases)                                                        \
	do {                                                                   \
		for (size_t i_ = 0; i_ < sizeof(cases) / sizeof((cases)[0]);   \
		     i_++)                                                     \
			show_try(&(cases)[i_]);                                \
	} while (0)

#endif
