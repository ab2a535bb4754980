#include "cli/cmd_locks.h"
#include "store/format_mbox_deliver.h"
#include "tap.h"

#define DOT (1u << FORMAT_MBOX_DOTLOCK)
#define FCNTL (1u << FORMAT_MBOX_FCNTL)
#define FLOCK (1u << FORMAT_MBOX_FLOCK)
#define LOCKF (1u << FORMAT_MBOX_LOCKF)

int
main(void)
{
	static const struct {
		const char *text;
		unsigned want;
	} cases[] = {
		{ "fcntl, dotlock\n", FCNTL | DOT },
		{ "dotlock_try fcntl", FCNTL | DOT },
		{ "Locking strategies:\tdotlocking, fcntl()\n", FCNTL | DOT },
		{ "-USE_SETGID +USE_DOTLOCK +USE_FCNTL -USE_FLOCK "
		  "+USE_INODESORT",
		    FCNTL | DOT },
		{ "flock lockf", FLOCK | LOCKF },
		{ "", 0 },
		{ "sflock flocks unlockf", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned got = cmd_locks_read(view_str(cases[i].text));

		tap_ok(got == cases[i].want, "\"%s\": got %x, want %x",
		    cases[i].want != 0 ? "locks" : "none", got, cases[i].want);
	}
	return tap_done();
}
