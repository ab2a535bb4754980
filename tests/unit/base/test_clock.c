#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "tap.h"

static void
test_text(void)
{
	static const struct {
		int64_t us;
		const char *want;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000000Z" },
		{ -1, "1969-12-31T23:59:59.999999Z" },
		{ INT64_C(951782400000001), "2000-02-29T00:00:00.000001Z" },
		{ INT64_C(1709251199999999), "2024-02-29T23:59:59.999999Z" },
		{ INT64_C(4107542400000000), "2100-03-01T00:00:00.000000Z" },
		{ INT64_MIN, "0000-01-01T00:00:00.000000Z" },
		{ INT64_MAX, "9999-12-31T23:59:59.999999Z" },
	};
	bool ok = true;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char got[CLOCK_TEXT_SIZE];

		clock_text(cases[i].us, got);
		tap_ok(strcmp(got, cases[i].want) == 0, "got %s, want %s", got,
		    cases[i].want);
	}
	for (int64_t s = INT64_C(-62167219200); s < INT64_C(253402300800);
	     s += 86400 * 37 + 4001) {
		time_t t = s;
		struct tm tm;
		char got[CLOCK_TEXT_SIZE], want[64];

		gmtime_r(&t, &tm);
		(void)snprintf(want, sizeof(want),
		    "%04d-%02d-%02dT%02d:%02d:%02d.000000Z", tm.tm_year + 1900,
		    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
		    tm.tm_sec);
		clock_text(s * 1000000, got);
		ok = ok && strcmp(got, want) == 0;
	}
	tap_ok(ok, "the calendar of ten thousand years");
}

static void
test_zone(void)
{
	setenv("TZ", "JST-9", 1);
	tzset();
	tap_ok(clock_zone(1700000000) == 540, "east");
	setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1);
	tzset();
	tap_ok(clock_zone(1700000000) == -300 && clock_zone(1690000000) == -240,
	    "west, in winter and in summer");
}

int
main(void)
{
	static const char id[] = "01234567-89ab-cdef-0123-456789abcdef";
	char got[CLOCK_BOOT_ID_SIZE];
	int64_t real = clock_wall_s();
	uint64_t mono = clock_mono_ms();

	test_text();
	test_zone();
	setenv("FUMI_CLOCK", "1000000000", 1);
	setenv("FUMI_BOOT_ID", id, 1);
	tap_ok(clock_wall_s() >= real && clock_wall_s() < real + 60,
	    "the environment means nothing by itself");
	tap_ok(clock_boot_id(got) == 0 && strcmp(got, id) != 0,
	    "nor for the boot id");
	clock_fake_set(1500000, 2500000);
	tap_ok(clock_wall_us() == 1500000 && clock_wall_s() == 1 &&
		clock_mono_ms() == 2500,
	    "set");
	clock_fake_set(-1, 0);
	tap_ok(clock_wall_s() == -1, "seconds are rounded down");
	clock_fake_advance(1000);
	tap_ok(clock_wall_us() == 999 && clock_mono_ms() == 1, "advance");
	clock_fake_off();
	tap_ok(clock_wall_s() >= real && clock_mono_ms() >= mono, "off");
	tap_ok(clock_fake_allow() && clock_wall_s() == 1000000000,
	    "a fixed time from the environment");
	tap_ok(clock_boot_id(got) == 0 && strcmp(got, id) == 0,
	    "the boot id from there");
	setenv("FUMI_BOOT_ID", "01234567", 1);
	tap_ok(clock_boot_id(got) < 0, "not any text");
	setenv("FUMI_CLOCK", "-3600", 1);
	tap_ok(
	    clock_fake_allow() && clock_wall_s() <= real - 3500, "an hour ago");
	setenv("FUMI_CLOCK", "+3600", 1);
	tap_ok(
	    clock_fake_allow() && clock_wall_s() >= real + 3500, "in an hour");
	setenv("FUMI_CLOCK", "noon", 1);
	tap_ok(!clock_fake_allow(), "not a time");
	return tap_done();
}
