#include "cli/cmd_verify.h"

#include <getopt.h>
#include <stdio.h>

#include "base/fd.h"
#include "cli/cli.h"
#include "store/verify.h"

#define USAGE "verify -u ACCOUNT [--repair] [--json]"

struct options {
	const char *user;
	bool repair, json;
};

static const char *
kind_text(enum verify_kind k)
{
	switch (k) {
	case VERIFY_LOG:
		return "log";
	case VERIFY_BODY:
		return "body";
	case VERIFY_MESSAGE:
		return "message";
	case VERIFY_VIEW:
		return "view";
	case VERIFY_LEFTOVER:
		return "leftover";
	}
	return "?";
}

/* A finding's text has no controls, so only these two need care. */
static void
json_text(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			(void)putchar('\\');
		(void)putchar((unsigned char)*s < ' ' ? '?' : *s);
	}
}

static int
on_finding(void *ctx, const struct verify_finding *f)
{
	const struct options *o = ctx;

	if (!o->json) {
		(void)printf("%s: %s%s\n", kind_text(f->kind), f->text,
		    f->is_repaired ? " (repaired)" : "");
		return 0;
	}
	(void)printf("{\"kind\": \"%s\", \"repaired\": %s, \"text\": \"",
	    kind_text(f->kind), f->is_repaired ? "true" : "false");
	json_text(f->text);
	(void)printf("\"}\n");
	return 0;
}

static bool
options(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "user", required_argument, NULL, 'u' },
		{ "repair", no_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*o = (struct options){ .user = NULL };
	while ((c = getopt_long(argc, argv, "u:rj", longs, NULL)) != -1) {
		if (c == 'u')
			o->user = optarg;
		else if (c == 'r')
			o->repair = true;
		else if (c == 'j')
			o->json = true;
		else
			return false;
	}
	return o->user != NULL && optind == argc;
}

int
cmd_verify(const struct conf *conf, int argc, char **argv)
{
	struct verify_totals t = { .messages = 0 };
	struct account *a = NULL;
	AUTO_CLOSE int dir = -1;
	struct options o;
	int r;

	if (!options(&o, argc, argv))
		return cli_usage(USAGE);
	if ((r = cli_account_open(conf, "verify", o.user, 0, NULL, &dir, &a)) !=
	    EX_OK)
		return r;
	r = verify_run(a, o.repair, on_finding, &o, &t);
	if (r != 0)
		(void)cli_fail(cli_store_status(r), "verify", "%s: %s", o.user,
		    cli_store_text(a, r));
	if (o.json)
		(void)printf("{\"mailboxes\": %llu, \"messages\": %llu, "
			     "\"bodies\": %llu, \"octets\": %llu, "
			     "\"findings\": %llu, \"repaired\": %llu}\n",
		    (unsigned long long)t.mailboxes,
		    (unsigned long long)t.messages,
		    (unsigned long long)t.bodies, (unsigned long long)t.octets,
		    (unsigned long long)t.findings,
		    (unsigned long long)t.repaired);
	account_close(&a);
	if (r != 0)
		return cli_store_status(r);
	return t.findings > t.repaired ? EX_DATAERR : EX_OK;
}
