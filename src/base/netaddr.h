#ifndef BASE_NETADDR_H
#define BASE_NETADDR_H

#include <sys/socket.h>

#include "base/attrs.h"
#include "base/view.h"

/* An IPv6 address, or an IPv4 address in its mapped form (RFC 4291 section
 * 2.5.5.2), so that one client is one address on every kind of socket. */
struct netaddr {
	uint8_t b[16];
};

/* Any address as text, and the NUL. */
#define NETADDR_TEXT_SIZE 46

/* Text of either family, without brackets, zone or port. */
bool netaddr_parse(struct view v, struct netaddr *out) A_MUST_USE;
/* Dotted quad, or the form of RFC 5952. */
void netaddr_text(const struct netaddr *a, char out[NETADDR_TEXT_SIZE]);
/* False when it is no address of IP (a Unix socket); port may be NULL. */
bool netaddr_from_sockaddr(const struct sockaddr *sa, socklen_t n,
    struct netaddr *out, uint16_t *port) A_MUST_USE;
/* sockaddr_in for IPv4, sockaddr_in6 else; returns its length. */
socklen_t netaddr_to_sockaddr(
    const struct netaddr *a, uint16_t port, struct sockaddr_storage *out);

bool netaddr_is_4(const struct netaddr *a);
/* 127.0.0.0/8 or ::1. */
bool netaddr_is_loopback(const struct netaddr *a);
/* What counts as one client for limits: an IPv4 address as it is, an IPv6
 * address as its /64. Its 16 bytes are the key. */
struct netaddr netaddr_group(const struct netaddr *a);

struct netaddr_net {
	struct netaddr a;
	unsigned bits; /* of 128 */
};
/* "10.0.0.0/8", "2001:db8::/32", or an address alone. Bits beyond the prefix
 * must be zero (a network written otherwise is a mistake). */
bool netaddr_net_parse(struct view v, struct netaddr_net *out) A_MUST_USE;
/* Is a in one of the n networks? */
bool netaddr_match(
    const struct netaddr_net *nets, size_t n, const struct netaddr *a);

#endif
