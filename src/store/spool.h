#ifndef STORE_SPOOL_H
#define STORE_SPOOL_H

#include "base/why.h"
#include "store/account.h"

/*
 * One message on its way in: taken in pieces while a client sends it, before
 * any lock is held. Up to SPOOL_MEMORY bytes it is in memory; beyond that it is
 * a file in the account's own log directory, already where it will stay. The
 * digest is computed on the way, the cached forms (mail/summary.h) at the end.
 */
#define SPOOL_MEMORY (1024 * 1024)
/* A temporary file that nobody holds is removed after so many seconds. */
#define SPOOL_STALE 3600

struct spool;
struct store_log;

/* size: octets to come if known, else 0. Never NULL on success.
 * In account.c: spool_open_log() with the account's log. */
int spool_open(struct account *a, uint64_t size, struct spool **out) A_MUST_USE;
/* log: borrowed, must stay open as long. */
int spool_open_log(struct store_log *log, uint64_t size, struct spool **out)
    A_MUST_USE;
/* Octets as they are: the caller has made line ends CRLF. STORE_LIMIT past
 * STORE_MESSAGE_MAX, STORE_FULL; after a failure only spool_free() is left. */
int spool_write(struct spool *s, struct view v) A_MUST_USE;
/* No more octets. A file is synced here, so that no lock waits for that.
 * STORE_FULL, negative errno. */
int spool_finish(struct spool *s) A_MUST_USE;
/* After spool_finish(): size and octets (mapped when in a file). */
uint64_t spool_size(const struct spool *s);
struct view spool_view(const struct spool *s);
/* For tx.c, after spool_finish(): SHA-256 and cached forms. */
const uint8_t *spool_digest(const struct spool *s);
struct view spool_summary(const struct spool *s);
/*
 * For tx.c: is it in a file? Then spool_place() renames it (synced already) to
 * log/body/<number>, durably, replacing what a crash left under that number,
 * and from then on it is the log's: spool_free() leaves it. When the commit did
 * not take place after all, spool_unplace() takes it back (also after a failed
 * spool_place(), and when there is nothing to take back). Both only under the
 * lock: without it the number, and the file of that name, may be another's.
 */
bool spool_in_file(const struct spool *s);
int spool_place(struct spool *s, uint64_t number, struct why *w) A_MUST_USE;
void spool_unplace(struct spool *s);
/* Removes its file unless it is placed. */
void spool_free(struct spool **s);

/* Remove temporary files older than SPOOL_STALE that no process holds. For
 * now and then, e.g. when an account is opened. */
void spool_sweep(struct store_log *log);

#endif
