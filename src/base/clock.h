#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"

/* Microseconds since 1970-01-01T00:00:00Z (it may jump when an administrator
 * sets the clock). */
int64_t clock_wall_us(void);
/* The same in whole seconds, rounded down. */
int64_t clock_wall_s(void);
/* Minutes east of UTC of local time at a moment (seconds since 1970). */
int clock_zone(int64_t s);
/* A clock that never goes back, from an arbitrary start: for timeouts only. */
uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);

/* "2026-01-31T23:59:59.123456Z" and the NUL. */
#define CLOCK_TEXT_SIZE 28
/* us must lie in the years 0 to 9999; others are printed as the nearest. */
void clock_text(int64_t us, char out[CLOCK_TEXT_SIZE]);

/* The kernel's id of this boot, a UUID in lower-case text, and the NUL. */
#define CLOCK_BOOT_ID_SIZE 37
/* 0 or negative errno. It reads /proc (call it once before a sandbox closes: the
 * first answer is kept) and, after clock_fake_allow(), the environment
 * FUMI_BOOT_ID instead. */
int clock_boot_id(char out[CLOCK_BOOT_ID_SIZE]) A_MUST_USE;

/*
 * For tests only: the clock of this process stands still at these values until
 * it is set again, moved on, or released.
 */
void clock_fake_set(int64_t wall_us, uint64_t mono_us);
void clock_fake_advance(uint64_t us); /* only after clock_fake_set() */
void clock_fake_off(void);
/*
 * Honour the environment, which an ordinary program never does: call it only
 * in test programs, or where a test build option says so. FUMI_CLOCK is
 *   "1700000000"   the wall clock stands still there (seconds)
 *   "+3600" "-60"  the real wall clock, moved by so many seconds
 * The monotonic clock is not touched. False when FUMI_CLOCK is something else.
 */
bool clock_fake_allow(void) A_MUST_USE;

#endif
