#include "base/limit.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"

/*
 * A level is kept as the time at which it will have drained to zero, so nothing
 * has to run to drain it. The table is a pool of max entries, found through a
 * hash; when it is used up, a hand goes round it and takes the lowest of the
 * next few entries that hold nothing.
 */
#define LOOK_AT 16

struct entry {
	uint64_t id;      /* keyed hash of the client's key */
	uint64_t zero_ms; /* when the level is 0 again */
	uint32_t held;
};

struct limit {
	struct hash *map;
	struct entry *pool;
	size_t used, max, hand;
	uint64_t drain_ms;
	uint8_t key[16];
};

struct limit *
limit_new(size_t max, uint64_t drain_ms)
{
	struct limit *l = xcalloc(1, sizeof(*l));

	assert(max > 0 && max <= (size_t)1 << 24 && drain_ms > 0);
	assert(drain_ms <= UINT64_MAX / 4 / LIMIT_LEVEL_MAX);
	l->map = hash_new(max);
	l->pool = xcalloc(max, sizeof(*l->pool));
	l->max = max;
	l->drain_ms = drain_ms;
	random_bytes(l->key, sizeof(l->key));
	return l;
}

void
limit_free(struct limit **l)
{
	if (*l == NULL)
		return;
	hash_free(&(*l)->map);
	free((*l)->pool);
	free(*l);
	*l = NULL;
}

static struct view
id_view(const uint64_t *id)
{
	return (struct view){ (const uint8_t *)id, sizeof(*id) };
}

static struct entry *
find(const struct limit *l, struct view key)
{
	uint64_t id = hash_sip(l->key, key);

	return hash_get(l->map, id_view(&id));
}

/* An entry nobody needs as much as a new client does; NULL: all are held. */
static struct entry *
evict(struct limit *l)
{
	struct entry *best = NULL;

	for (size_t seen = 0, free_seen = 0;
	     seen < l->max && free_seen < LOOK_AT; seen++) {
		struct entry *e = &l->pool[l->hand];

		l->hand = (l->hand + 1) % l->max;
		if (e->held > 0)
			continue;
		free_seen++;
		if (best == NULL || e->zero_ms < best->zero_ms)
			best = e;
	}
	if (best != NULL)
		(void)hash_del(l->map, id_view(&best->id));
	return best;
}

static struct entry *
find_or_add(struct limit *l, struct view key)
{
	struct entry *e = find(l, key);

	if (e != NULL)
		return e;
	e = l->used < l->max ? &l->pool[l->used++] : evict(l);
	if (e == NULL)
		return NULL;
	*e = (struct entry){ .id = hash_sip(l->key, key) };
	if (!hash_put(l->map, id_view(&e->id), e))
		abort(); /* it was not there, and there is room */
	return e;
}

static uint32_t
level(const struct limit *l, const struct entry *e, uint64_t now_ms)
{
	if (e == NULL || e->zero_ms <= now_ms)
		return 0;
	return (
	    uint32_t)((e->zero_ms - now_ms + l->drain_ms - 1) / l->drain_ms);
}

uint32_t
limit_charge(struct limit *l, struct view key, uint32_t n, uint64_t now_ms)
{
	struct entry *e = find_or_add(l, key);
	uint64_t most = now_ms + LIMIT_LEVEL_MAX * l->drain_ms;

	if (e == NULL)
		return n;
	if (n > LIMIT_LEVEL_MAX)
		n = LIMIT_LEVEL_MAX;
	if (e->zero_ms < now_ms)
		e->zero_ms = now_ms;
	e->zero_ms += n * l->drain_ms;
	if (e->zero_ms > most)
		e->zero_ms = most;
	return level(l, e, now_ms);
}

uint32_t
limit_level(struct limit *l, struct view key, uint64_t now_ms)
{
	return level(l, find(l, key), now_ms);
}

bool
limit_take(struct limit *l, struct view key, uint32_t n, uint32_t burst,
    uint64_t now_ms)
{
	uint32_t have = limit_level(l, key, now_ms);

	if (n > burst || have > burst - n)
		return false;
	(void)limit_charge(l, key, n, now_ms);
	return true;
}

void
limit_forgive(struct limit *l, struct view key)
{
	struct entry *e = find(l, key);

	if (e != NULL)
		e->zero_ms = 0;
}

bool
limit_hold(struct limit *l, struct view key, uint32_t most)
{
	struct entry *e;

	if (most == 0 || (e = find_or_add(l, key)) == NULL || e->held >= most)
		return false;
	e->held++;
	return true;
}

void
limit_drop(struct limit *l, struct view key)
{
	struct entry *e = find(l, key);

	assert(e != NULL && e->held > 0);
	e->held--;
}

uint32_t
limit_held(const struct limit *l, struct view key)
{
	const struct entry *e = find(l, key);

	return e != NULL ? e->held : 0;
}

size_t
limit_count(const struct limit *l)
{
	return l->used;
}

uint64_t
limit_delay_ms(
    uint32_t level_now, uint32_t grace, uint64_t first_ms, uint64_t max_ms)
{
	uint64_t ms = first_ms;

	if (level_now <= grace)
		return 0;
	for (uint32_t i = grace + 1; i < level_now && ms < max_ms; i++) {
		if (__builtin_add_overflow(ms, ms, &ms) || ms == 0)
			break;
	}
	return ms < max_ms ? ms : max_ms;
}
