#include <stdlib.h>

#include "base/hash.h"
#include "base/random.h"
#include "tap.h"

static void
test_sip(void)
{
	/* the first vectors of the reference implementation */
	static const uint64_t want[] = { UINT64_C(0x726fdb47dd0e0e31),
		UINT64_C(0x74f839c593dc67fd), UINT64_C(0x0d6c8009d9a94f5a),
		UINT64_C(0x85676696d7fb7e2d) };
	uint8_t key[16], in[15];

	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	for (uint8_t i = 0; i < 15; i++)
		in[i] = i;
	for (size_t i = 0; i < 4; i++)
		tap_ok(hash_sip(key, (struct view){ in, i }) == want[i],
		    "siphash of %zu bytes", i);
	tap_ok(hash_sip(key, (struct view){ in, 15 }) ==
		UINT64_C(0xa129ca6149be45e5),
	    "siphash of the paper");
}

struct item {
	uint64_t key;
	bool in;
};

#define ITEMS 2000

/* Random puts and deletes against a plain array. */
static void
test_model(void)
{
	static struct item items[ITEMS];
	struct hash *h = hash_new(ITEMS / 2);
	size_t count = 0, at = 0, walked = 0;
	bool ok = true;

	for (size_t i = 0; i < ITEMS; i++)
		items[i].key = i * 64;
	for (int i = 0; i < 100000; i++) {
		struct item *it = &items[random_below(ITEMS)];
		struct view key = { (uint8_t *)&it->key, sizeof(it->key) };

		ok = ok && hash_get(h, key) == (it->in ? it : NULL);
		if (random_below(5) < 3) {
			bool want = !it->in && count < ITEMS / 2;

			ok = ok && hash_put(h, key, it) == want;
			count += want;
			it->in = it->in || want;
		} else {
			ok = ok && hash_del(h, key) == (it->in ? it : NULL);
			count -= it->in;
			it->in = false;
		}
		ok = ok && hash_count(h) == count;
	}
	tap_ok(ok, "does as a plain array does");
	for (struct item *it; (it = hash_next(h, &at)) != NULL; walked++)
		ok = ok && it->in;
	tap_ok(ok && walked == count, "a walk meets each once");
	hash_free(&h);
	hash_free(&h);
	tap_ok(h == NULL, "free twice");
}

int
main(void)
{
	struct hash *h = hash_new(2);
	int a, b;

	test_sip();
	tap_ok(hash_put(h, VIEW_LIT("a"), &a), "first");
	tap_ok(!hash_put(h, VIEW_LIT("a"), &b), "the same key");
	tap_ok(hash_put(h, VIEW_LIT(""), &b), "an empty key, at the limit");
	tap_ok(!hash_put(h, VIEW_LIT("c"), &b), "one past it");
	tap_ok(hash_del(h, VIEW_LIT("a")) == &a, "delete");
	tap_ok(hash_put(h, VIEW_LIT("c"), &a), "room again");
	tap_ok(hash_get(h, VIEW_LIT("")) == &b, "the empty key");
	hash_free(&h);
	test_model();
	return tap_done();
}
