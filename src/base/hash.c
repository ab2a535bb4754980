#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"

/*
 * Linear probing with the hash kept beside the key, so that a foreign key is
 * hardly ever compared and growing hashes nothing again. Deleting moves the
 * entries behind back, so there are no tombstones.
 */
#define FIRST_SLOTS 16

struct slot {
	uint64_t sip;
	struct view key;
	void *value; /* NULL: free */
};

struct hash {
	struct slot *slots;
	size_t mask; /* slots - 1; a power of two less one */
	size_t count, max;
	uint8_t key[16];
};

static uint64_t
rotl(uint64_t v, int n)
{
	return v << n | v >> (64 - n);
}

static void
sip_round(uint64_t s[4])
{
	s[0] += s[1];
	s[2] += s[3];
	s[1] = rotl(s[1], 13) ^ s[0];
	s[3] = rotl(s[3], 16) ^ s[2];
	s[0] = rotl(s[0], 32);
	s[2] += s[1];
	s[0] += s[3];
	s[1] = rotl(s[1], 17) ^ s[2];
	s[3] = rotl(s[3], 21) ^ s[0];
	s[2] = rotl(s[2], 32);
}

/* Little-endian, n <= 8. */
static uint64_t
load_le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = n; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

static void
sip_block(uint64_t s[4], uint64_t m)
{
	s[3] ^= m;
	sip_round(s);
	sip_round(s);
	s[0] ^= m;
}

uint64_t
hash_sip(const uint8_t key[16], struct view v)
{
	uint64_t k0 = load_le(key, 8), k1 = load_le(key + 8, 8);
	uint64_t last = (uint64_t)v.n << 56;
	uint64_t s[4] = {
		k0 ^ UINT64_C(0x736f6d6570736575),
		k1 ^ UINT64_C(0x646f72616e646f6d),
		k0 ^ UINT64_C(0x6c7967656e657261),
		k1 ^ UINT64_C(0x7465646279746573),
	};

	for (; v.n >= 8; view_skip(&v, 8))
		sip_block(s, load_le(v.p, 8));
	sip_block(s, last | load_le(v.p, v.n));
	s[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(s);
	return s[0] ^ s[1] ^ s[2] ^ s[3];
}

struct hash *
hash_new(size_t max)
{
	struct hash *h = xcalloc(1, sizeof(*h));

	assert(max > 0 && max <= (size_t)1 << 30);
	h->max = max;
	h->mask = FIRST_SLOTS - 1;
	h->slots = xcalloc(FIRST_SLOTS, sizeof(*h->slots));
	random_bytes(h->key, sizeof(h->key));
	return h;
}

void
hash_free(struct hash **h)
{
	if (*h == NULL)
		return;
	free((*h)->slots);
	free(*h);
	*h = NULL;
}

size_t
hash_count(const struct hash *h)
{
	return h->count;
}

/* The slot of the key, or the free one where it would go. */
static size_t
find(const struct hash *h, uint64_t sip, struct view key)
{
	size_t i = sip & h->mask;

	while (h->slots[i].value != NULL &&
	    (h->slots[i].sip != sip || !view_eq(h->slots[i].key, key)))
		i = (i + 1) & h->mask;
	return i;
}

void *
hash_get(const struct hash *h, struct view key)
{
	return h->slots[find(h, hash_sip(h->key, key), key)].value;
}

static void
grow(struct hash *h)
{
	struct slot *old = h->slots;
	size_t n = h->mask + 1;

	h->mask = 2 * n - 1;
	h->slots = xcalloc(2 * n, sizeof(*h->slots));
	for (size_t i = 0; i < n; i++) {
		if (old[i].value != NULL)
			h->slots[find(h, old[i].sip, old[i].key)] = old[i];
	}
	free(old);
}

bool
hash_put(struct hash *h, struct view key, void *value)
{
	uint64_t sip = hash_sip(h->key, key);

	assert(value != NULL);
	if (h->slots[find(h, sip, key)].value != NULL || h->count == h->max)
		return false;
	if (h->count + 1 > (h->mask + 1) / 4 * 3)
		grow(h);
	h->slots[find(h, sip, key)] = (struct slot){ sip, key, value };
	h->count++;
	return true;
}

void *
hash_del(struct hash *h, struct view key)
{
	size_t hole = find(h, hash_sip(h->key, key), key);
	void *value = h->slots[hole].value;

	if (value == NULL)
		return NULL;
	/* whoever was pushed past the hole by it moves into it */
	for (size_t i = (hole + 1) & h->mask; h->slots[i].value != NULL;
	     i = (i + 1) & h->mask) {
		size_t home = h->slots[i].sip & h->mask;

		if (((i - home) & h->mask) >= ((i - hole) & h->mask)) {
			h->slots[hole] = h->slots[i];
			hole = i;
		}
	}
	h->slots[hole] = (struct slot){ 0 };
	h->count--;
	return value;
}

void *
hash_next(const struct hash *h, size_t *at)
{
	while (*at <= h->mask) {
		void *value = h->slots[(*at)++].value;

		if (value != NULL)
			return value;
	}
	return NULL;
}
