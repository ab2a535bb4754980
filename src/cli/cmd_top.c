#include "cli/cmd_top.h"

#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/control.h"
#include "proc/msg_control.h"

/* "3min", "34s": as people say it, two digits are enough. */
static void
age_text(uint64_t ms, char out[24])
{
	unsigned long long s = ms / 1000;

	if (s < 120)
		(void)snprintf(out, 24, "%llus", s);
	else if (s < 120 * 60)
		(void)snprintf(out, 24, "%llumin", s / 60);
	else
		(void)snprintf(out, 24, "%lluh", s / 3600);
}

/* A name of the directory has no quotes, backslashes or controls in it, so it
 * stands in JSON as it is. */
static void
show(const struct msg_control_row *m, bool json, bool first)
{
	const char *service = msg_service_name(m->service);
	char address[NETADDR_TEXT_SIZE], age[24], id[32];

	netaddr_text(&m->remote, address);
	age_text(m->age_ms, age);
	(void)snprintf(id, sizeof(id), "%s-%05llu",
	    service != NULL ? service : "?", (unsigned long long)m->session);
	for (char *p = id; *p != '\0' && *p != '-'; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	if (json)
		(void)printf("%s{\"id\": \"%s\", \"pid\": %u, \"account\": "
			     "\"%.*s\", \"address\": \"%s\", \"port\": %u, "
			     "\"tls\": %s, \"age_ms\": %llu}",
		    first ? "" : ",\n ", id, m->pid, (int)m->account.n,
		    (const char *)m->account.p, address, m->remote_port,
		    m->tls ? "true" : "false", (unsigned long long)m->age_ms);
	else
		(void)printf("%-12s %-8u %-28.*s %-24s %-4s %s\n", id, m->pid,
		    (int)m->account.n, (const char *)m->account.p, address,
		    m->tls ? "TLS" : "", age);
}

/* Rows until END. */
static void
head(bool json)
{
	(void)printf("%s",
	    json ? "["
		 : "ID           PID      ACCOUNT                      ADDRESS "
		   "                 TLS  SINCE\n");
}

static int
receive(int sock, bool json)
{
	AUTO_FREE uint8_t *p = xmalloc(MSG_MAX);

	for (bool first = true;;) {
		AUTO_CLOSE int passed = -1;
		ssize_t n = fd_recv(sock, p, MSG_MAX, &passed);
		struct wire w =
		    wire_read((struct view){ p, n > 0 ? (size_t)n : 0 });
		struct msg_control_row m;
		uint32_t type = wire_u32(&w);

		if (first &&
		    (type == MSG_CONTROL_END || type == MSG_CONTROL_ROW))
			head(json);
		if (type == MSG_CONTROL_END) {
			if (json)
				(void)printf("]\n");
			return EX_OK;
		}
		if (type == MSG_CONTROL_DENIED)
			return cli_fail(EX_NOPERM, "top",
			    "only root and the server's own user may ask");
		if (type != MSG_CONTROL_ROW || !msg_control_row_get(&w, &m))
			return cli_fail(EX_PROTOCOL, "top",
			    "the server's answer is not understood");
		show(&m, json, first);
		first = false;
	}
}

int
cmd_top(const struct conf *conf, int argc, char **argv)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_MAX);
	AUTO_CLOSE int sock = -1;
	const bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
	int r;

	if (argc != 1 && !json)
		return cli_usage("top [--json]");
	if ((r = control_connect_for(conf, "top", &sock)) != EX_OK)
		return r;
	msg_control_plain_put(&b, MSG_CONTROL_LIST);
	if ((r = fd_send(sock, buf_view(&b), -1)) != 0)
		return cli_fail(EX_UNAVAILABLE, "top", "%s", strerror(-r));
	return receive(sock, json);
}
