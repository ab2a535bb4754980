#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "proc/auth.h"
#include "proc/settings.h"

/*
 * What a gate, a hub or an administrator may send to auth, as a row of messages
 * (u16 length, bytes) to a running auth. The first byte says
 * who is speaking. Whatever it is, auth goes on, gives no grant (there is no
 * forker to take it), and answers only with messages that are right themselves.
 */
static struct world {
	struct loop *loop;
	struct log log;
	struct conf *conf;
	struct auth *auth;
} world;

static void
must(int ok)
{
	if (!ok)
		abort();
}

static void
on_dead(void *ctx)
{
	(void)ctx;
	abort();
}

static void
turn(void)
{
	for (int i = 0; i < 4; i++)
		must(loop_turn(world.loop, 0) == 0);
}

static int
connect_as(enum msg_process process, uint32_t number)
{
	int fd[2];

	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		 0, fd) == 0);
	must(auth_peer(world.auth, process, number, fd[1]) == 0);
	return fd[0];
}

static void
begin(void)
{
	AUTO_BUF struct buf text = BUF_INIT(4096);
	char dir[] = "/tmp/fumi-fuzz-XXXXXX";

	must(mkdtemp(dir) != NULL);
	buf_printf(&text,
	    "[server]\nsandbox = best-effort\n[auth]\ndirectory = %s\n"
	    "workers = 1\n",
	    dir);
	world.conf = conf_new(&settings_schema);
	must(conf_read(world.conf, buf_view(&text), "fuzz"));
	must(loop_new(&world.loop) == 0);
	log_init(&world.log, -1, LOG_STYLE_PLAIN, LOG_CRASHES, "AUTH", 0);
	world.auth =
	    auth_new(world.loop, &world.log, world.conf, on_dead, NULL);
	must(auth_go(world.auth, false) == 0);
}

/* Everything that auth has said must read back. */
static void
drain(int fd)
{
	uint8_t in[MSG_MAX];
	int passed = -1;
	ssize_t n;

	while ((n = fd_recv(fd, in, sizeof(in), &passed)) > 0) {
		struct wire w = wire_read((struct view){ in, (size_t)n });
		union {
			struct msg_auth_offer offer;
			struct msg_auth_fail fail;
			struct msg_auth_challenge challenge;
			struct msg_grant_looked looked;
			struct msg_grant_disconnect gone;
			struct msg_admin_result result;
			struct msg_admin_row row;
		} m;

		switch (wire_u32(&w)) {
		case MSG_AUTH_OFFER:
			must(msg_auth_offer_get(&w, &m.offer));
			break;
		case MSG_AUTH_FAIL:
			must(msg_auth_fail_get(&w, &m.fail));
			break;
		case MSG_AUTH_CHALLENGE:
			must(msg_auth_challenge_get(&w, &m.challenge));
			break;
		case MSG_GRANT_LOOKED:
			must(msg_grant_looked_get(&w, &m.looked));
			must(m.looked.answer != MSG_GRANT_YES);
			break;
		case MSG_GRANT_DISCONNECT:
			must(msg_grant_disconnect_get(&w, &m.gone));
			break;
		case MSG_ADMIN_RESULT:
			must(msg_admin_result_get(&w, &m.result));
			break;
		case MSG_ADMIN_ROW:
			must(msg_admin_row_get(&w, &m.row));
			break;
		case MSG_ADMIN_END:
			must(wire_end(&w));
			break;
		default:
			abort(); /* a grant, for one */
		}
	}
}

static void
speak(int fd, struct view in, int pass)
{
	struct wire w = wire_read(in);

	while (w.in.n > 0 && w.ok) {
		size_t n = wire_u16(&w);
		struct view msg;

		if (n > w.in.n)
			n = w.in.n;
		msg = wire_raw(&w, n);
		if (msg.n > 0 && fd_send(fd, msg, pass) != 0)
			break;
		turn();
		drain(fd);
	}
}

static int
connect_admin(void)
{
	int fd[2];

	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		 0, fd) == 0);
	must(auth_admin_open(world.auth, fd[1]) == 0);
	return fd[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = { data, size };
	int fd;

	if (size == 0)
		return 0;
	if (world.auth == NULL)
		begin();
	view_skip(&in, 1);
	switch (data[0] % 3) {
	case 0:
		fd = connect_as(MSG_PROCESS_GATE, 1);
		speak(fd, in, -1);
		break;
	case 1:
		fd = connect_admin();
		speak(fd, in, -1);
		break;
	default:
		fd = connect_as(MSG_PROCESS_HUB, 0);
		speak(fd, in, (data[0] & 0x80) != 0 ? fd : -1);
		break;
	}
	close(fd);
	turn();
	return 0;
}
