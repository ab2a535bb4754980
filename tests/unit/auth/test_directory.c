#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/directory.h"
#include "tap.h"

static const struct directory_uids uids = { 2000, 2002 };

static enum directory_result
add(struct directory *d, const char *name)
{
	struct directory_secret secret;
	struct directory_new n = { .name = view_str(name),
		.services = DIRECTORY_SERVICES_ALL,
		.secret = &secret };
	struct why w = { "" };

	if (directory_secret_make(PASSWORD_PLAIN, name, &secret, &w) != 0)
		return DIRECTORY_FAILED;
	return directory_add(d, &n, &uids, &w);
}

static enum directory_result
find(struct directory *d, const char *name, struct directory_account *a)
{
	struct why w = { "" };

	return directory_find(d, view_str(name), a, &w);
}

static void
test_accounts(struct directory *d)
{
	struct directory_account a;
	struct why w = { "" };
	int64_t id;

	tap_ok(find(d, "demo@x.org", &a) == DIRECTORY_UNKNOWN, "nobody yet");
	tap_ok(add(d, "Demo@X.org") == DIRECTORY_OK, "add");
	tap_ok(find(d, "demo@x.ORG", &a) == DIRECTORY_OK &&
		strcmp(a.name, "demo@x.org") == 0 &&
		strcmp(a.path, "x.org/demo") == 0 && a.uid == 2000 &&
		a.gid == 2000 && !a.disabled && a.created > 0,
	    "found in any case, with the first uid");
	id = a.id;
	tap_ok(strcmp(a.secret.password, "{PLAIN}Demo@X.org") == 0 &&
		a.secret.has_sha256 && a.secret.has_sha1 &&
		a.secret.sha1.hash == SCRAM_SHA_1 &&
		a.secret.sha256.iterations == SCRAM_ITERATIONS,
	    "with its secrets");
	tap_ok(add(d, "demo@x.org") == DIRECTORY_EXISTS, "not twice");
	tap_ok(add(d, "de mo@x.org") == DIRECTORY_NAME, "no bad name");
	tap_ok(directory_set_disabled(d, VIEW_LIT("demo@x.org"), true, &w) ==
		    DIRECTORY_OK &&
		find(d, "demo@x.org", &a) == DIRECTORY_OK && a.disabled,
	    "disable");
	tap_ok(directory_set_services(d, VIEW_LIT("demo@x.org"), 4, &w) ==
		    DIRECTORY_OK &&
		find(d, "demo@x.org", &a) == DIRECTORY_OK && a.services == 4 &&
		directory_set_services(d, VIEW_LIT("nobody@x.org"), 4, &w) ==
		    DIRECTORY_UNKNOWN,
	    "services");
	tap_ok(
	    directory_remove(d, VIEW_LIT("DEMO@x.org"), &w) == DIRECTORY_OK &&
		find(d, "demo@x.org", &a) == DIRECTORY_UNKNOWN,
	    "remove");
	tap_ok(directory_remove(d, VIEW_LIT("demo@x.org"), &w) ==
		DIRECTORY_UNKNOWN,
	    "remove what is not there");
	tap_ok(add(d, "demo@x.org") == DIRECTORY_OK &&
		find(d, "demo@x.org", &a) == DIRECTORY_OK && a.id != id &&
		a.uid == 2001,
	    "the same name again has another id and uid");
}

static void
test_uids(struct directory *d)
{
	struct directory_account a;
	struct why w = { "" };
	struct directory_secret secret = { .password = "{PLAIN}x" };
	struct directory_new n = { .name = VIEW_LIT("local"),
		.has_uid = true,
		.uid = 1000,
		.gid = 100,
		.services = DIRECTORY_SERVICES_ALL,
		.secret = &secret };
	struct directory_uids u;

	tap_ok(add(d, "b@x.org") == DIRECTORY_OK &&
		find(d, "b@x.org", &a) == DIRECTORY_OK && a.uid == 2002,
	    "the last uid of the range");
	tap_ok(add(d, "c@x.org") == DIRECTORY_OK &&
		find(d, "c@x.org", &a) == DIRECTORY_OK && a.uid == 2000,
	    "then one that was set free");
	tap_ok(add(d, "d@x.org") == DIRECTORY_FULL, "then none is left");
	tap_ok(directory_add(d, &n, &uids, &w) == DIRECTORY_OK &&
		find(d, "local", &a) == DIRECTORY_OK && a.uid == 1000 &&
		a.gid == 100 && strcmp(a.path, "_local/local") == 0 &&
		!a.secret.has_sha256,
	    "a local user brings a uid along");
	n.name = VIEW_LIT("root");
	n.uid = 0;
	tap_ok(directory_add(d, &n, &uids, &w) == DIRECTORY_ROOT, "not root");
	tap_ok(directory_uids_parse(VIEW_LIT("5-7"), &u) && u.first == 5 &&
		u.last == 7 && !directory_uids_parse(VIEW_LIT("0-7"), &u) &&
		!directory_uids_parse(VIEW_LIT("8-7"), &u) &&
		!directory_uids_parse(VIEW_LIT("7"), &u) &&
		!directory_uids_parse(VIEW_LIT("1-4294967295"), &u) &&
		directory_uids_parse(VIEW_LIT("1-4294967294"), &u),
	    "ranges");
}

static void
test_secret(struct directory *d)
{
	struct directory_secret s;
	struct directory_account a;
	struct why w = { "" };

	tap_ok(directory_secret_make(PASSWORD_PLAIN, "new", &s, &w) == 0 &&
		directory_set_secret(d, VIEW_LIT("b@x.org"), &s, &w) ==
		    DIRECTORY_OK &&
		find(d, "b@x.org", &a) == DIRECTORY_OK &&
		strcmp(a.secret.password, "{PLAIN}new") == 0 &&
		memcmp(&a.secret.sha256, &s.sha256, sizeof(s.sha256)) == 0,
	    "a new password");
	tap_ok(directory_set_secret(d, VIEW_LIT("z@x.org"), &s, &w) ==
		DIRECTORY_UNKNOWN,
	    "not of nobody");
}

static void
test_alias(struct directory *d)
{
	struct directory_account a;
	struct why w = { "" };

	tap_ok(directory_add_alias(d, VIEW_LIT("info@x.org"),
		   VIEW_LIT("b@x.org"), &w) == DIRECTORY_OK &&
		find(d, "INFO@x.org", &a) == DIRECTORY_OK &&
		strcmp(a.name, "b@x.org") == 0,
	    "an alias is found");
	tap_ok(directory_add_alias(d, VIEW_LIT("b@x.org"), VIEW_LIT("c@x.org"),
		   &w) == DIRECTORY_EXISTS,
	    "no alias with the name of an account");
	tap_ok(add(d, "info@x.org") == DIRECTORY_EXISTS,
	    "no account with the name of an alias");
	tap_ok(directory_remove(d, VIEW_LIT("info@x.org"), &w) ==
		DIRECTORY_UNKNOWN,
	    "remove is for accounts");
	tap_ok(directory_remove(d, VIEW_LIT("b@x.org"), &w) == DIRECTORY_OK &&
		find(d, "info@x.org", &a) == DIRECTORY_UNKNOWN,
	    "it goes with its account");
}

static void
test_list(struct directory *d)
{
	struct directory_account rows[8];
	struct why w = { "" };
	size_t n = 0;

	tap_ok(directory_list(d, "", rows, 8, &n, &w) == DIRECTORY_OK &&
		n == 3 && strcmp(rows[0].name, "c@x.org") == 0 &&
		strcmp(rows[2].name, "local") == 0 &&
		rows[0].secret.password[0] == '\0',
	    "list: %zu", n);
	tap_ok(directory_list(d, "c@x.org", rows, 1, &n, &w) == DIRECTORY_OK &&
		n == 1 && strcmp(rows[0].name, "demo@x.org") == 0,
	    "one page");
}

static void
test_transaction(struct directory *d, const char *dir)
{
	struct directory_account a;
	struct directory *again = NULL;
	struct why w = { "" };

	tap_ok(directory_begin(d, &w) == DIRECTORY_OK &&
		directory_remove(d, VIEW_LIT("c@x.org"), &w) == DIRECTORY_OK,
	    "in a transaction");
	directory_rollback(d);
	tap_ok(find(d, "c@x.org", &a) == DIRECTORY_OK, "rolled back");
	tap_ok(directory_open(&again, dir, &w) == 0 &&
		find(again, "c@x.org", &a) == DIRECTORY_OK &&
		memcmp(directory_secret(d), directory_secret(again),
		    DIRECTORY_SECRET_SIZE) == 0,
	    "another process sees the same, and the same secret");
	tap_ok(
	    directory_remove(again, VIEW_LIT("c@x.org"), &w) == DIRECTORY_OK &&
		find(d, "c@x.org", &a) == DIRECTORY_UNKNOWN,
	    "and its changes are seen");
	directory_close(&again);
}

int
main(void)
{
	char dir[] = "/tmp/fumi-directory-XXXXXX";
	char file[sizeof(dir) + sizeof(DIRECTORY_FILE)];
	struct directory *d = NULL;
	struct why w = { "" };
	int fd;

	if (mkdtemp(dir) == NULL)
		return 1;
	(void)snprintf(file, sizeof(file), "%s/%s", dir, DIRECTORY_FILE);
	tap_ok(directory_open(&d, dir, &w) == 0, "open: %s", w.text);
	test_accounts(d);
	test_uids(d);
	test_secret(d);
	test_alias(d);
	test_list(d);
	test_transaction(d, dir);
	directory_close(&d);
	tap_ok((fd = open(file, O_WRONLY | O_TRUNC | O_CLOEXEC)) >= 0 &&
		write(fd, "not a database, for sure.", 25) == 25,
	    "spoil it");
	close(fd);
	tap_ok(directory_open(&d, dir, &w) < 0 && d == NULL,
	    "what is no database is refused: %s", w.text);
	unlink(file);
	tap_ok(directory_open(&d, "/nonexistent", &w) < 0, "no directory");
	rmdir(dir);
	return tap_done();
}
