#include "cli/cmd_out.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/control.h"
#include "proc/msg_control.h"
#include "proc/msg_out.h"

#define USAGE "out list [--json] | retry [ID ...] | remove ID ..."

/* JSON text (RFC 8259 section 7); addresses may be UTF-8 and have quotes. */
static void
put_json(const char *name, struct view v, const char *end)
{
	(void)printf("\"%s\": \"", name);
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"' || v.p[i] == '\\')
			(void)putchar('\\');
		(void)putchar(v.p[i]);
	}
	(void)printf("\"%s", end);
}

static void
show_json(const struct msg_out_row *m, bool first)
{
	(void)printf("%s{", first ? "" : ",\n ");
	put_json("id", m->id, ", ");
	put_json("kind", view_str(msg_out_kind_name(m->kind)), ", ");
	put_json("account", m->account, ", ");
	put_json("sender", m->sender, ", ");
	put_json("recipient", m->recipient, ", ");
	put_json("text", m->text, ", ");
	(void)printf("\"recipients\": %u, \"size\": %llu, \"created\": %llu, "
		     "\"next\": %llu, \"attempts\": %u}",
	    m->recipients, (unsigned long long)m->size,
	    (unsigned long long)m->created_s, (unsigned long long)m->next_s,
	    m->attempts);
}

static void
show_text(const struct msg_out_row *m)
{
	long long in = (long long)m->next_s - (long long)clock_wall_s();

	(void)printf("%-22.*s %-9s %9llu  %-30.*s %u tried, next in %llds\n",
	    (int)m->id.n, (const char *)m->id.p, msg_out_kind_name(m->kind),
	    (unsigned long long)m->size, (int)m->recipient.n,
	    (const char *)m->recipient.p, m->attempts, in > 0 ? in : 0);
	if (m->text.n > 0)
		(void)printf("                       %.*s\n", (int)m->text.n,
		    (const char *)m->text.p);
}

struct listing {
	bool json, first;
	char last[MSG_OUT_ID_MAX + 1]; /* id shown last */
};

static void
show(struct listing *l, const struct msg_out_row *m)
{
	if (l->json)
		show_json(m, l->first);
	else
		show_text(m);
	l->first = false;
	memcpy(l->last, m->id.p, m->id.n);
	l->last[m->id.n] = '\0';
}

/* Rows until END, which is *end. */
static int
receive(int sock, struct listing *l, struct msg_out_end *end)
{
	AUTO_FREE uint8_t *p = xmalloc(MSG_MAX);

	for (;;) {
		AUTO_CLOSE int passed = -1;
		ssize_t n = fd_recv(sock, p, MSG_MAX, &passed);
		struct wire w =
		    wire_read((struct view){ p, n > 0 ? (size_t)n : 0 });
		struct msg_out_row m;

		switch (wire_u32(&w)) {
		case MSG_OUT_END:
			if (msg_out_end_get(&w, end))
				return EX_OK;
			break;
		case MSG_CONTROL_DENIED:
			return cli_fail(EX_NOPERM, "out",
			    "only root and the server's own user may ask, and "
			    "only while mail can be sent");
		case MSG_OUT_ROW:
			if (!msg_out_row_get(&w, &m))
				break;
			show(l, &m);
			continue;
		}
		return cli_fail(EX_PROTOCOL, "out",
		    "the server's answer is not understood");
	}
}

static int
ask(int sock, enum msg_out_ask what, const char *id, struct listing *l,
    struct msg_out_end *end)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_MAX);
	struct msg_out_question m = { 1, (uint8_t)what, view_str(id) };
	int r;

	if (m.id.n > MSG_OUT_ID_MAX)
		return cli_fail(EX_DATAERR, "out", "%s: no such message", id);
	msg_out_question_put(&b, &m);
	if ((r = fd_send(sock, buf_view(&b), -1)) != 0)
		return cli_fail(EX_UNAVAILABLE, "out", "%s", strerror(-r));
	return receive(sock, l, end);
}

static int
list(int sock, bool json)
{
	struct listing l = { .json = json, .first = true };
	struct msg_out_end end = { .more = true };
	int r = EX_OK;

	if (json)
		(void)printf("[");
	while (r == EX_OK && end.more)
		r = ask(sock, MSG_OUT_LIST, l.last, &l, &end);
	if (json)
		(void)printf("]\n");
	return r;
}

/* Each of the ids; without any, one question about all. */
static int
change(int sock, enum msg_out_ask what, int n, char **ids)
{
	struct listing l = { .first = true };
	struct msg_out_end end = { 0 };
	int status = EX_OK, r;

	if (n == 0)
		return ask(sock, what, "", &l, &end);
	for (int i = 0; i < n; i++) {
		if ((r = ask(sock, what, ids[i], &l, &end)) != EX_OK)
			return r;
		if (end.count == 0)
			status = cli_fail(EX_DATAERR, "out",
			    "%s: there is no such message, or it is being "
			    "sent",
			    ids[i]);
	}
	return status;
}

int
cmd_out(const struct conf *conf, int argc, char **argv)
{
	AUTO_CLOSE int sock = -1;
	const char *what = argc > 1 ? argv[1] : "";
	const bool is_list = strcmp(what, "list") == 0;
	const bool json = argc == 3 && strcmp(argv[2], "--json") == 0;
	int r;

	if (!(is_list && (argc == 2 || json)) && strcmp(what, "retry") != 0 &&
	    !(strcmp(what, "remove") == 0 && argc > 2))
		return cli_usage(USAGE);
	if ((r = control_connect_for(conf, "out", &sock)) != EX_OK)
		return r;
	if (is_list)
		return list(sock, json);
	return change(sock,
	    strcmp(what, "retry") == 0 ? MSG_OUT_RETRY : MSG_OUT_REMOVE,
	    argc - 2, argv + 2);
}
