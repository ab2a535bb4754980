#include "base/wire.h"
#include "tap.h"

#define BYTES_MAX 5

static bool
decode(struct view v)
{
	struct wire w = wire_read(v);
	uint8_t a = wire_u8(&w);
	uint16_t b = wire_u16(&w);
	uint32_t c = wire_u32(&w);
	uint64_t d = wire_u64(&w);
	struct view e = wire_bytes(&w, BYTES_MAX);
	struct view f = wire_raw(&w, 2);

	if (!wire_end(&w)) {
		/* after a failure there is nothing more to get */
		if (!w.ok && (wire_u64(&w) != 0 || wire_raw(&w, 1).n != 0))
			tap_ok(0, "a get after the failure yields something");
		return false;
	}
	return a == 1 && b == 0x0203 && c == 0x04050607 &&
	    d == UINT64_C(0x08090a0b0c0d0e0f) &&
	    view_eq(e, VIEW_LIT("hello")) && view_eq(f, VIEW_LIT("xy"));
}

static void
test_limit(size_t n, bool want)
{
	struct buf b;
	struct wire w;

	buf_init(&b, 100);
	wire_put_bytes(&b, view_sub(VIEW_LIT("hello!"), 0, n));
	w = wire_read(buf_view(&b));
	(void)wire_bytes(&w, BYTES_MAX);
	tap_ok(wire_end(&w) == want, "%zu bytes, %d allowed", n, BYTES_MAX);
	buf_fini(&b);
}

int
main(void)
{
	struct buf b;
	struct wire w;
	bool ok = true;

	buf_init(&b, 100);
	wire_put_u8(&b, 1);
	wire_put_u16(&b, 0x0203);
	wire_put_u32(&b, 0x04050607);
	wire_put_u64(&b, UINT64_C(0x08090a0b0c0d0e0f));
	wire_put_bytes(&b, VIEW_LIT("hello"));
	buf_put_str(&b, "xy");
	tap_ok(decode(buf_view(&b)), "what was put comes out");
	tap_ok(b.p[1] == 2 && b.p[2] == 3, "big-endian");
	for (size_t i = 0; i < b.n; i++)
		ok = ok && !decode(view_sub(buf_view(&b), 0, i));
	tap_ok(ok, "no prefix is a message");
	buf_put_byte(&b, 0);
	tap_ok(!decode(buf_view(&b)), "nor is one with a byte left over");
	buf_fini(&b);
	test_limit(0, true);
	test_limit(BYTES_MAX, true);
	test_limit(BYTES_MAX + 1, false);
	w = wire_read(VIEW_LIT("\xff\xff\xff\xff"));
	(void)wire_bytes(&w, SIZE_MAX);
	tap_ok(!wire_end(&w), "a length beyond the message");
	w = wire_read((struct view){ 0 });
	tap_ok(wire_end(&w), "an empty message ends at once");
	buf_init(&b, 8);
	wire_put_u64(&b, 1);
	tap_ok(!b.failed, "the writer at the buffer's maximum");
	wire_put_u8(&b, 1);
	tap_ok(b.failed && b.n == 8, "and one past it");
	buf_fini(&b);
	return tap_done();
}
