#include "base/netaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/num.h"

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

bool
netaddr_is_4(const struct netaddr *a)
{
	return memcmp(a->b, mapped, sizeof(mapped)) == 0;
}

static struct netaddr
from_4(const void *four)
{
	struct netaddr a;

	memcpy(a.b, mapped, sizeof(mapped));
	memcpy(a.b + 12, four, 4);
	return a;
}

bool
netaddr_parse(struct view v, struct netaddr *out)
{
	char text[NETADDR_TEXT_SIZE] = { 0 };
	struct netaddr a;
	uint8_t four[4];

	if (v.n == 0 || v.n >= sizeof(text) || memchr(v.p, 0, v.n) != NULL)
		return false;
	memcpy(text, v.p, v.n);
	if (inet_pton(AF_INET, text, four) == 1)
		a = from_4(four);
	else if (inet_pton(AF_INET6, text, a.b) != 1)
		return false;
	*out = a;
	return true;
}

void
netaddr_text(const struct netaddr *a, char out[NETADDR_TEXT_SIZE])
{
	const char *r;

	if (netaddr_is_4(a))
		r = inet_ntop(AF_INET, a->b + 12, out, NETADDR_TEXT_SIZE);
	else
		r = inet_ntop(AF_INET6, a->b, out, NETADDR_TEXT_SIZE);
	if (r == NULL)
		out[0] = '\0';
}

bool
netaddr_from_sockaddr(
    const struct sockaddr *sa, socklen_t n, struct netaddr *out, uint16_t *port)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	uint16_t p;

	if (n >= sizeof(in) && sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		*out = from_4(&in.sin_addr);
		p = in.sin_port;
	} else if (n >= sizeof(in6) && sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof(in6));
		memcpy(out->b, &in6.sin6_addr, sizeof(out->b));
		p = in6.sin6_port;
	} else {
		return false;
	}
	if (port != NULL)
		*port = ntohs(p);
	return true;
}

socklen_t
netaddr_to_sockaddr(
    const struct netaddr *a, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons(port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(port) };

	memset(out, 0, sizeof(*out));
	if (netaddr_is_4(a)) {
		memcpy(&in.sin_addr, a->b + 12, 4);
		memcpy(out, &in, sizeof(in));
		return sizeof(in);
	}
	memcpy(&in6.sin6_addr, a->b, sizeof(a->b));
	memcpy(out, &in6, sizeof(in6));
	return sizeof(in6);
}

bool
netaddr_is_loopback(const struct netaddr *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	return netaddr_is_4(a) ? a->b[12] == 127
			       : memcmp(a->b, one, sizeof(one)) == 0;
}

struct netaddr
netaddr_group(const struct netaddr *a)
{
	struct netaddr g = *a;

	if (!netaddr_is_4(a))
		memset(g.b + 8, 0, 8);
	return g;
}

/* Are the first bits of a and b the same? */
static bool
same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned rest = bits % 8;

	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

bool
netaddr_net_parse(struct view v, struct netaddr_net *out)
{
	const uint8_t *slash = v.n > 0 ? memchr(v.p, '/', v.n) : NULL;
	size_t at = slash != NULL ? (size_t)(slash - v.p) : v.n;
	struct netaddr_net net = { .bits = 128 };
	struct netaddr zero = { { 0 } };
	uint64_t bits;

	if (!netaddr_parse(view_sub(v, 0, at), &net.a))
		return false;
	if (slash != NULL) {
		/* 10.0.0.0/8 is of 32 bits, ::ffff:10.0.0.0/104 of 128 */
		bool dotted = memchr(v.p, ':', at) == NULL;

		if (!num_parse(view_sub(v, at + 1, SIZE_MAX), dotted ? 32 : 128,
			&bits))
			return false;
		net.bits = (unsigned)bits + (dotted ? 96 : 0);
	}
	memcpy(zero.b, net.a.b, net.bits / 8);
	if (net.bits % 8 != 0)
		zero.b[net.bits / 8] = (uint8_t)(net.a.b[net.bits / 8] &
		    0xff << (8 - net.bits % 8));
	if (memcmp(zero.b, net.a.b, sizeof(zero.b)) != 0)
		return false;
	*out = net;
	return true;
}

bool
netaddr_match(const struct netaddr_net *nets, size_t n, const struct netaddr *a)
{
	for (size_t i = 0; i < n; i++) {
		if (same_bits(nets[i].a.b, a->b, nets[i].bits))
			return true;
	}
	return false;
}
