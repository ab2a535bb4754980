#include "proc/preload.h"

#include <iconv.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/random.h"
#include "mail/charset.h"

struct preload {
	struct charset_kept *charsets;
	size_t charset_count;
	char boot_id[CLOCK_BOOT_ID_SIZE];
};

struct preload *
preload_all(void)
{
	struct preload *p = xcalloc(1, sizeof(*p));
	uint8_t digest[DIGEST_SHA256_SIZE];
	time_t now = time(NULL);
	struct tm tm;

	p->charsets = charset_preload(&p->charset_count);
	tzset();
	(void)localtime_r(&now, &tm);
	digest_sha256(VIEW_LIT("preload"), digest);
	random_bytes(digest, sizeof(digest));
	if (clock_boot_id(p->boot_id) != 0)
		p->boot_id[0] = '\0'; /* the self-test will say so */
	return p;
}

/* As many converters as before must still open. */
static bool
use_charsets(const struct preload *p)
{
	const char *name;
	size_t n = 0;

	for (size_t i = 0; (name = charset_preload_name(i)) != NULL; i++) {
		iconv_t cd = iconv_open("UTF-8", name);

		if (cd == (iconv_t)-1)
			continue;
		iconv_close(cd);
		n++;
	}
	return n >= p->charset_count;
}

static bool
use_conversion(const struct preload *p)
{
	AUTO_BUF struct buf out;

	(void)p;
	buf_init(&out, 64);
	return charset_to_utf8(VIEW_LIT("ISO-2022-JP"),
		   VIEW_LIT("\x1b$B$\"\x1b(B"), &out) == CHARSET_OK &&
	    view_eq(buf_view(&out), VIEW_LIT("\xe3\x81\x82"));
}

static bool
use_time_zone(const struct preload *p)
{
	time_t t = 86400;
	struct tm tm;

	(void)p;
	return localtime_r(&t, &tm) != NULL && tm.tm_year == 70;
}

static bool
use_digest(const struct preload *p)
{
	uint8_t d[DIGEST_SHA256_SIZE];

	(void)p;
	digest_sha256((struct view){ NULL, 0 }, d);
	return d[0] == 0xe3 && d[31] == 0x55; /* of nothing, FIPS 180-4 */
}

static bool
use_random(const struct preload *p)
{
	const uint64_t once = random_u64();

	(void)p;
	return (once | random_u64()) != 0;
}

static bool
use_boot_id(const struct preload *p)
{
	char id[CLOCK_BOOT_ID_SIZE];

	return clock_boot_id(id) == 0 && strcmp(id, p->boot_id) == 0;
}

const struct preload_part preload_parts[] = {
	{ "charsets", use_charsets },
	{ "ISO-2022-JP", use_conversion },
	{ "time zone", use_time_zone },
	{ "SHA-256", use_digest },
	{ "random", use_random },
	{ "boot id", use_boot_id },
};
const size_t preload_part_count =
    sizeof(preload_parts) / sizeof(preload_parts[0]);
