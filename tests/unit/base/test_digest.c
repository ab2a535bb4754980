/* crc32c, digest, random */
#include <stdlib.h>

#include "base/crc32c.h"
#include "base/digest.h"
#include "base/random.h"
#include "tap.h"

static void
test_crc_vectors(void)
{
	/* RFC 3720 appendix B.4, and the check value of the polynomial */
	uint8_t zero[32] = { 0 }, ones[32], up[32], down[32];
	const struct {
		struct view in;
		uint32_t want;
	} cases[] = {
		{ VIEW_LIT(""), 0 },
		{ VIEW_LIT("123456789"), 0xe3069283 },
		{ { zero, 32 }, 0x8a9136aa },
		{ { ones, 32 }, 0x62a8ab43 },
		{ { up, 32 }, 0x46dd794e },
		{ { down, 32 }, 0x113fdb5c },
	};

	for (uint8_t i = 0; i < 32; i++) {
		ones[i] = 0xff;
		up[i] = i;
		down[i] = (uint8_t)(31 - i);
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tap_ok(crc32c(0, cases[i].in) == cases[i].want,
		    "crc %zu: got %08x, want %08x", i, crc32c(0, cases[i].in),
		    cases[i].want);
		tap_ok(crc32c_portable(0, cases[i].in) == cases[i].want,
		    "portable %zu", i);
	}
}

static void
test_crc_parts(void)
{
	enum { SIZE = 8000 };
	uint8_t *p = malloc(SIZE);
	bool same = true, parts = true;

	if (p == NULL)
		abort();
	random_bytes(p, SIZE);
	for (size_t n = 0; n < SIZE; n += n < 1600 ? 1 : 97) {
		struct view v = { p, n };
		uint32_t whole = crc32c(0, v);
		size_t cut = random_below(n + 1);

		same = same && whole == crc32c_portable(0, v);
		parts = parts &&
		    crc32c(crc32c(0, view_sub(v, 0, cut)),
			view_sub(v, cut, SIZE_MAX)) == whole;
	}
	tap_ok(same, "both ways agree at every length");
	tap_ok(parts, "in two parts it is the same");
	free(p);
}

static void
hex_is(const uint8_t *got, const char *want, const char *name)
{
	char hex[2 * DIGEST_SHA256_SIZE + 1];

	digest_hex((struct view){ got, DIGEST_SHA256_SIZE }, hex);
	tap_ok(strcmp(hex, want) == 0, "%s: got %s, want %s", name, hex, want);
}

static void
test_sha256(void)
{
	/* FIPS 180-4 examples; RFC 4231 cases 1, 2 and 6 */
	uint8_t out[DIGEST_SHA256_SIZE], key[131];
	struct digest_sha256 d, fork;
	const char two[] =
	    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

	digest_sha256(VIEW_LIT(""), out);
	hex_is(out,
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	    "nothing");
	digest_sha256(VIEW_LIT("abc"), out);
	hex_is(out,
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	    "abc");
	digest_sha256_init(&d);
	for (size_t i = 0; i < 30; i++)
		digest_sha256_add(&d, view_sub(view_str(two), i, 1));
	fork = d;
	digest_sha256_add(&d, (struct view){ 0 });
	digest_sha256_add(&d, view_sub(view_str(two), 30, SIZE_MAX));
	digest_sha256_end(&d, out);
	hex_is(out,
	    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
	    "two blocks, byte by byte");
	digest_sha256_add(&fork, view_sub(view_str(two), 30, SIZE_MAX));
	digest_sha256_end(&fork, out);
	hex_is(out,
	    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
	    "from a copy of the state");
	memset(key, 0x0b, 20);
	digest_hmac_sha256((struct view){ key, 20 }, VIEW_LIT("Hi There"), out);
	hex_is(out,
	    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
	    "hmac 1");
	digest_hmac_sha256(
	    VIEW_LIT("Jefe"), VIEW_LIT("what do ya want for nothing?"), out);
	hex_is(out,
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
	    "hmac 2");
	memset(key, 0xaa, sizeof(key));
	digest_hmac_sha256((struct view){ key, sizeof(key) },
	    VIEW_LIT("Test Using Larger Than Block-Size Key - Hash Key First"),
	    out);
	hex_is(out,
	    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
	    "hmac 6");
}

static void
test_hex(void)
{
	uint8_t out[2];

	tap_ok(digest_unhex(VIEW_LIT("0aFf"), out, 2) && out[0] == 10 &&
		out[1] == 255,
	    "unhex");
	tap_ok(!digest_unhex(VIEW_LIT("0aF"), out, 2), "too short");
	tap_ok(!digest_unhex(VIEW_LIT("0aFf0"), out, 2), "odd");
	tap_ok(!digest_unhex(VIEW_LIT("0aFf00"), out, 2), "too long");
	tap_ok(!digest_unhex(VIEW_LIT("0aFg"), out, 2), "no digit");
	tap_ok(!digest_unhex(VIEW_LIT("0a:f"), out, 2), "a character between");
	tap_ok(digest_equal(VIEW_LIT("ab"), VIEW_LIT("ab")) &&
		!digest_equal(VIEW_LIT("ab"), VIEW_LIT("ac")) &&
		!digest_equal(VIEW_LIT("ab"), VIEW_LIT("a")),
	    "equal");
}

static void
test_random(void)
{
	unsigned seen[3] = { 0 };

	for (int i = 0; i < 300; i++)
		seen[random_below(3)]++;
	tap_ok(seen[0] > 30 && seen[1] > 30 && seen[2] > 30, "spread");
	tap_ok(random_below(1) == 0, "one of one");
	tap_ok(random_u64() != random_u64(), "not the same twice");
}

int
main(void)
{
	test_crc_vectors();
	test_crc_parts();
	test_sha256();
	test_hex();
	test_random();
	return tap_done();
}
