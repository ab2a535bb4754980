#include "cli/cmd_locks.h"

#include <stdio.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "proc/runner.h"
#include "store/format_mbox_deliver.h"

/*
 * Each program tells it in its own way, but all in words with the names of the
 * locks in them; one reader serves all.
 */
#define ANSWER_MAX 16384
#define WAIT_MS 20000

static const struct {
	const char *name;
	const char *argv[4];
} programs[] = {
	{ "Postfix", { "postconf", "-h", "mailbox_delivery_lock", NULL } },
	{ "Postfix (virtual)",
	    { "postconf", "-h", "virtual_mailbox_lock", NULL } },
	{ "Dovecot", { "doveconf", "-h", "mbox_write_locks", NULL } },
	{ "procmail", { "procmail", "-v", NULL } },
	{ "Mutt", { "mutt", "-v", NULL } },
};

static const char *const lock_names[] = { "dotlock", "fcntl", "flock",
	"lockf" };

static bool
is_word(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	    c == '+' || c == '-';
}

/* "+USE_FCNTL", "fcntl", "dotlocking", "dotlock_try"; not "-USE_FLOCK". */
static unsigned
read_word(struct view word)
{
	if (word.n > 0 && word.p[0] == '+')
		view_skip(&word, 1);
	if (view_starts_ci(word, VIEW_LIT("use_")))
		view_skip(&word, 4);
	if (view_starts_ci(word, view_str(lock_names[FORMAT_MBOX_DOTLOCK])))
		return 1u << FORMAT_MBOX_DOTLOCK;
	for (unsigned i = FORMAT_MBOX_FCNTL; i < FORMAT_MBOX_LOCKS_MAX; i++)
		if (view_eq_ci(word, view_str(lock_names[i])))
			return 1u << i;
	return 0;
}

unsigned
cmd_locks_read(struct view text)
{
	unsigned found = 0;

	while (text.n > 0) {
		size_t n = 0;

		while (n < text.n && is_word(text.p[n]))
			n++;
		found |= read_word(view_sub(text, 0, n));
		view_skip(&text, n < text.n ? n + 1 : n);
	}
	return found;
}

static unsigned
as_kernel(unsigned locks)
{
	return (locks & 1u << FORMAT_MBOX_LOCKF) != 0
	    ? locks | 1u << FORMAT_MBOX_FCNTL
	    : locks;
}

static void
print_locks(unsigned locks)
{
	const char *between = " ";

	for (unsigned i = 0; i < FORMAT_MBOX_LOCKS_MAX; i++)
		if ((locks & 1u << i) != 0) {
			(void)printf("%s%s", between, lock_names[i]);
			between = ", ";
		}
	if (locks == 0)
		(void)printf(" none");
}

/* What it says; false when it is not there. */
static bool
ask(const char *const *argv, struct buf *answer)
{
	const char *const env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"LC_ALL=C", NULL };
	const struct runner_program p = { .argv = argv,
		.env = env,
		.path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
		.dir = -1,
		.input = -1,
		.limits.wall_ms = WAIT_MS,
		.output_max = ANSWER_MAX };
	struct runner_result r;

	return runner_run(&p, &r, answer, NULL) == 0 && r.end == RUNNER_EXITED;
}

/* Does it go together with ours? */
static bool
compare(size_t i, unsigned ours)
{
	AUTO_BUF struct buf answer = BUF_INIT(ANSWER_MAX);
	unsigned theirs;
	bool good;

	if (!ask(programs[i].argv, &answer))
		return true;
	theirs = cmd_locks_read(buf_view(&answer));
	good = (as_kernel(ours) & as_kernel(theirs)) != 0;
	(void)printf("%s:", programs[i].name);
	print_locks(theirs);
	(void)printf(good ? "\n" : ": NOTHING IN COMMON with mbox-locks\n");
	return good;
}

int
cmd_locks(const struct conf *conf, int argc, char **argv)
{
	const char *const *name;
	unsigned ours = 0;
	bool good = true;
	size_t n;

	(void)argv;
	if (argc != 1)
		return cli_usage("check-locks");
	name = conf_list(conf, "delivery", NULL, "mbox-locks", &n);
	for (size_t i = 0; i < n; i++)
		ours |= cmd_locks_read(view_str(name[i]));
	(void)printf("fumi:");
	print_locks(ours);
	(void)printf("\n");
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		good = compare(i, ours) && good;
	return good ? EX_OK : EX_CONFIG;
}
