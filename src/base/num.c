#include "base/num.h"

bool
num_take(struct view *in, uint64_t max, uint64_t *out)
{
	struct view v = *in;
	uint64_t n = 0;

	if (v.n == 0 || v.p[0] < '0' || v.p[0] > '9')
		return false;
	for (; v.n > 0 && v.p[0] >= '0' && v.p[0] <= '9'; view_skip(&v, 1)) {
		if (__builtin_mul_overflow(n, (uint64_t)10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(v.p[0] - '0'), &n) ||
		    n > max)
			return false;
	}
	*in = v;
	*out = n;
	return true;
}

bool
num_parse(struct view v, uint64_t max, uint64_t *out)
{
	uint64_t n;

	if (!num_take(&v, max, &n) || v.n > 0)
		return false;
	*out = n;
	return true;
}

size_t
num_dec(uint64_t v, uint8_t *out)
{
	static const char two[] = "00010203040506070809101112131415161718192021"
				  "22232425262728293031323334353637383940414243"
				  "44454647484950515253545556575859606162636465"
				  "66676869707172737475767778798081828384858687"
				  "888990919293949596979899";
	uint8_t tmp[NUM_DEC_MAX];
	size_t at = sizeof(tmp);

	for (; v >= 100; v /= 100) {
		at -= 2;
		memcpy(tmp + at, two + v % 100 * 2, 2);
	}
	if (v >= 10) {
		at -= 2;
		memcpy(tmp + at, two + v * 2, 2);
	} else {
		tmp[--at] = (uint8_t)('0' + v);
	}
	memcpy(out, tmp + at, sizeof(tmp) - at);
	return sizeof(tmp) - at;
}
