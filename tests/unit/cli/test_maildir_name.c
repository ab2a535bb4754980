/* maildir_name: flags and folders */
#include "cli/maildir_name.h"

#include "store/types.h"
#include "tap.h"

static const struct {
	const char *name;
	unsigned flags;
	uint32_t keywords;
} files[] = {
	{ "1.2.host:2,", 0, 0 },
	{ "1.2.host:2,S", STORE_SEEN, 0 },
	{ "1.2.host:2,DFRST",
	    STORE_DRAFT | STORE_FLAGGED | STORE_ANSWERED | STORE_SEEN |
		STORE_DELETED,
	    0 },
	{ "1.2.host,S=12,W=13:2,RS", STORE_ANSWERED | STORE_SEEN, 0 },
	{ "1.2.host:2,Sabz", STORE_SEEN, 1u << 25 | 3 },
	{ "1.2.host:2,PXQ?", 0, 0 },
	{ "a:2,S:2,F", STORE_FLAGGED, 0 },
	{ "1.2.host", 0, 0 },
	{ "1.2.host:", 0, 0 },
	{ "1.2.host:2", 0, 0 },
	{ "1.2.host:1,S", 0, 0 },
	{ "", 0, 0 },
};

static const struct {
	const char *name, *want; /* NULL: no folder */
} folders[] = {
	{ ".A", "A" },
	{ ".A.B.C", "A/B/C" },
	{ ".&ZeVnLIqe-", "&ZeVnLIqe-" },
	{ ".A b", "A b" },
	{ "", NULL },
	{ ".", NULL },
	{ "..", NULL },
	{ "...", NULL },
	{ "A", NULL },
	{ ".A.", NULL },
	{ ".A..B", NULL },
	{ ".A/B", NULL },
	{ ".A.B/", NULL },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		uint32_t keywords = 7;
		unsigned flags =
		    maildir_name_flags(view_str(files[i].name), &keywords);

		tap_ok(flags == files[i].flags && keywords == files[i].keywords,
		    "\"%s\": got %x %x, want %x %x", files[i].name, flags,
		    keywords, files[i].flags, files[i].keywords);
	}
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		uint8_t out[64];
		size_t n = 0;
		bool ok =
		    maildir_name_folder(view_str(folders[i].name), out, &n);

		if (folders[i].want == NULL)
			tap_ok(!ok, "\"%s\" is no folder", folders[i].name);
		else
			tap_ok(ok &&
				view_eq((struct view){ out, n },
				    view_str(folders[i].want)),
			    "\"%s\": got \"%.*s\", want \"%s\"",
			    folders[i].name, (int)n, (char *)out,
			    folders[i].want);
	}
	return tap_done();
}
