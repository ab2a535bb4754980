#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/num.h"
#include "cli/cmd_session.h"
#include "imap/command.h"
#include "imap/frame.h"
#include "imap/limits.h"
#include "imap/response.h"
#include "session/capability.h"
#include "session/session.h"

/*
 * For tests of the session without the server's processes:
 *
 *   tcp_session --tcp PORT ROOT    listen on loopback (0: any, printed), take
 *                                  any user by LOGIN, one process a connection;
 *                                  the account is ROOT/<user>
 *   tcp_session session ...        as "fumi session"
 */

static void
say(int fd, struct buf *b)
{
	if (fd_write(fd, buf_view(b)) != 0)
		_exit(0);
	buf_clear(b);
}

static void
run(const char *root, int fd, const struct command *c, struct view unread)
{
	struct session_env env = { .tag = c->tag,
		.round_trip = getenv("FUMI_ROUNDTRIP") != NULL };
	char path[1024];
	struct log log;

	if (memchr(c->u.login.user.p, '/', c->u.login.user.n) != NULL)
		_exit(1);
	snprintf(path, sizeof(path), "%s/%.*s", root, (int)c->u.login.user.n,
	    (const char *)c->u.login.user.p);
	if (mkdir(path, 0700) == -1 && errno != EEXIST)
		_exit(1);
	log_init(&log, STDERR_FILENO, LOG_STYLE_PLAIN, LOG_FAILURES, "IMAP",
	    (uint64_t)getpid());
	env.client = (struct client_env){ .in = fd,
		.out = fd,
		.hub = -1,
		.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.create = true,
		.first = CLIENT_LOGGED_IN,
		.unread = unread,
		.user = c->u.login.user,
		.log = &log };
	if (session_imap_run(&env) != CLIENT_LOGOUT) {
		/* nobody else's business */
	}
	_exit(0);
}

/* The commands before login, as few as tests need. */
static void
before_login(const char *root, int fd, const struct command *c, struct buf *b,
    struct view unread)
{
	switch ((int)c->kind) {
	case COMMAND_LOGIN:
		run(root, fd, c, unread);
		break;
	case COMMAND_CAPABILITY:
		response_capability(b, capability_names, capability_count);
		response_status(b, c->tag, RESPONSE_OK, NULL, "done");
		break;
	case COMMAND_LOGOUT:
		response_status(b, (struct view){ 0 }, RESPONSE_BYE, NULL, "");
		response_status(b, c->tag, RESPONSE_OK, NULL, "done");
		say(fd, b);
		_exit(0);
	default:
		response_status(b, c->tag, RESPONSE_OK, NULL, "done");
	}
}

static void
one_command(const char *root, int fd, struct frame *f, struct buf *b,
    struct view unread)
{
	struct command_opts opts = { .state = COMMAND_STATE_NONE };
	AUTO_ARENA struct arena *a = arena_new(LIMITS_ARENA);
	struct command c;
	struct why w;

	if (command_parse(frame_text(f), &opts, a, &c, &w) != COMMAND_OK)
		response_status(b, c.tag, RESPONSE_BAD, NULL, w.text);
	else
		before_login(root, fd, &c, b, unread);
}

static void
greet(const char *root, int fd)
{
	uint8_t in[CLIENT_UNREAD_MAX];
	struct frame f;
	struct buf b;

	buf_init(&b, 65536);
	frame_init(
	    &f, FRAME_COMMAND, LIMITS_LINE_PRELOGIN, LIMITS_LITERAL_PRELOGIN);
	response_status(
	    &b, (struct view){ 0 }, RESPONSE_OK, NULL, "test server");
	for (;;) {
		struct view v = { in, 0 };
		ssize_t n;

		say(fd, &b);
		if ((n = read(fd, in, sizeof(in))) <= 0)
			_exit(0);
		v.n = (size_t)n;
		while (v.n > 0)
			switch (frame_feed(&f, &v)) {
			case FRAME_MORE:
				break;
			case FRAME_LITERAL:
				if (!frame_inline(&f))
					_exit(1);
				if (f.literal.sync)
					response_continue(
					    &b, (struct view){ 0 });
				break;
			case FRAME_DONE:
				one_command(root, fd, &f, &b, v);
				break;
			case FRAME_TOO_LONG:
			case FRAME_NUL:
				_exit(1);
			}
	}
}

static int
serve(uint16_t port, const char *root)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	int one = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s, (struct sockaddr *)&at, sizeof(at)) == -1 ||
	    listen(s, 128) == -1 ||
	    getsockname(s, (struct sockaddr *)&at, &n) == -1) {
		perror("listen");
		return EXIT_FAILURE;
	}
	printf("%u\n", ntohs(at.sin_port));
	fflush(stdout);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int c = accept4(s, NULL, NULL, SOCK_CLOEXEC);

		if (c == -1)
			continue;
		if (fork() == 0) {
			close(s);
			setsockopt(
			    c, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, 4);
			greet(root, c);
		}
		close(c);
	}
}

int
main(int argc, char **argv)
{
	uint64_t port;

	if (argc > 1 && strcmp(argv[1], "session") == 0)
		return cmd_session(argc - 1, argv + 1);
	if (argc == 4 && strcmp(argv[1], "--tcp") == 0 &&
	    num_parse(view_str(argv[2]), 65535, &port))
		return serve((uint16_t)port, argv[3]);
	fprintf(stderr, "usage: tcp_session --tcp PORT ROOT\n");
	return 64;
}
