#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/fd.h"
#include "base/num.h"
#include "base/view.h"

#define US 1000000
#define YEAR_0_US (INT64_C(-62167219200) * US)
#define YEAR_10000_US (INT64_C(253402300800) * US)

/* Time is the one thing that is the same for the whole process, and what a test
 * sets must reach every caller: hence the only variable of base/. */
static struct {
	bool wall_still, mono_still, environment;
	int64_t wall_us; /* still: the time; else what is added to it */
	uint64_t mono_us;
} fake;

static int64_t
read_us(clockid_t id)
{
	struct timespec t;

	if (clock_gettime(id, &t) != 0)
		abort();
	return (int64_t)t.tv_sec * US + t.tv_nsec / 1000;
}

int64_t
clock_wall_us(void)
{
	if (fake.wall_still)
		return fake.wall_us;
	return read_us(CLOCK_REALTIME) + fake.wall_us;
}

int64_t
clock_wall_s(void)
{
	int64_t us = clock_wall_us();

	return us / US - (us % US < 0);
}

int
clock_zone(int64_t s)
{
	time_t at = (time_t)s;
	struct tm tm = { 0 };

	(void)localtime_r(&at, &tm);
	return (int)(tm.tm_gmtoff / 60);
}

uint64_t
clock_mono_us(void)
{
	return fake.mono_still ? fake.mono_us
			       : (uint64_t)read_us(CLOCK_MONOTONIC);
}

uint64_t
clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}

static void
put_digits(char *p, int64_t v, int n)
{
	for (; n-- > 0; v /= 10)
		p[n] = (char)('0' + v % 10);
}

/* Year, month and day of a day number counted from 1970-01-01, in the Gregorian
 * calendar; gmtime_r() would look for time zone files. Years are counted from
 * March, so that the leap day comes last. */
static void
put_date(char *p, int64_t day)
{
	int64_t d = day + 719468; /* from 0000-03-01 */
	int64_t era = (d < 0 ? d - 146096 : d) / 146097;
	int64_t doe = d - era * 146097; /* day of the 400 years */
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t m = (5 * doy + 2) / 153;

	put_digits(p, yoe + era * 400 + (m >= 10), 4);
	put_digits(p + 5, m < 10 ? m + 3 : m - 9, 2);
	put_digits(p + 8, doy - (153 * m + 2) / 5 + 1, 2);
}

void
clock_text(int64_t us, char out[CLOCK_TEXT_SIZE])
{
	static const char form[CLOCK_TEXT_SIZE] = "0000-00-00T00:00:00.000000Z";
	int64_t s, day;

	if (us < YEAR_0_US)
		us = YEAR_0_US;
	if (us >= YEAR_10000_US)
		us = YEAR_10000_US - 1;
	s = us / US - (us % US < 0);
	day = s / 86400 - (s % 86400 < 0);
	memcpy(out, form, sizeof(form));
	put_date(out, day);
	put_digits(out + 11, (s - day * 86400) / 3600, 2);
	put_digits(out + 14, (s - day * 86400) / 60 % 60, 2);
	put_digits(out + 17, (s - day * 86400) % 60, 2);
	put_digits(out + 20, us - s * US, 6);
}

static bool
is_boot_id(const char *s)
{
	for (size_t i = 0; i < CLOCK_BOOT_ID_SIZE - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-'
			 : !((s[i] >= '0' && s[i] <= '9') ||
			       (s[i] >= 'a' && s[i] <= 'f')))
			return false;
	}
	return true;
}

int
clock_boot_id(char out[CLOCK_BOOT_ID_SIZE])
{
	static char kept[CLOCK_BOOT_ID_SIZE]; /* the kernel's never changes */
	const char *env = fake.environment ? getenv("FUMI_BOOT_ID") : NULL;
	AUTO_CLOSE int fd = -1;

	memset(out, 0, CLOCK_BOOT_ID_SIZE);
	if (env != NULL) {
		size_t n = strlen(env);

		if (n != CLOCK_BOOT_ID_SIZE - 1 || !is_boot_id(env))
			return -EINVAL;
		memcpy(out, env, n);
		return 0;
	}
	if (kept[0] != '\0') {
		memcpy(out, kept, sizeof(kept));
		return 0;
	}
	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	if (read(fd, out, CLOCK_BOOT_ID_SIZE - 1) != CLOCK_BOOT_ID_SIZE - 1 ||
	    !is_boot_id(out)) {
		memset(out, 0, CLOCK_BOOT_ID_SIZE);
		return -EIO;
	}
	memcpy(kept, out, sizeof(kept));
	return 0;
}

void
clock_fake_set(int64_t wall_us, uint64_t mono_us)
{
	fake.wall_still = fake.mono_still = true;
	fake.wall_us = wall_us;
	fake.mono_us = mono_us;
}

void
clock_fake_advance(uint64_t us)
{
	assert(fake.wall_still && fake.mono_still);
	fake.wall_us += (int64_t)us;
	fake.mono_us += us;
}

void
clock_fake_off(void)
{
	fake.wall_still = fake.mono_still = false;
	fake.wall_us = 0;
}

bool
clock_fake_allow(void)
{
	const char *env = getenv("FUMI_CLOCK");
	struct view v;
	bool minus, shift;
	uint64_t s;

	fake.environment = true;
	if (env == NULL)
		return true;
	v = view_str(env);
	minus = v.n > 0 && v.p[0] == '-';
	shift = minus || (v.n > 0 && v.p[0] == '+');
	if (shift)
		view_skip(&v, 1);
	if (!num_parse(v, YEAR_10000_US / US - 1, &s))
		return false;
	fake.wall_still = !shift;
	fake.wall_us = (minus ? -1 : 1) * (int64_t)s * US;
	return true;
}
