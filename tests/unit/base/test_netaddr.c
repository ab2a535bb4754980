#include <netinet/in.h>

#include "base/netaddr.h"
#include "tap.h"

static void
test_addresses(void)
{
	static const struct {
		const char *in, *want, *group;
	} cases[] = {
		{ "127.0.0.1", "127.0.0.1", "127.0.0.1" },
		{ "::1", "::1", "::" },
		{ "2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1", "2001:db8::" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6",
		    "2001:db8:1:2::" },
		{ "::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7" },
		{ "", NULL, NULL },
		{ "1.2.3", NULL, NULL },
		{ "1.2.3.4.5", NULL, NULL },
		{ "01.2.3.4", NULL, NULL },
		{ "1.2.3.256", NULL, NULL },
		{ " 1.2.3.4", NULL, NULL },
		{ "1.2.3.4 ", NULL, NULL },
		{ "fe80::1%eth0", NULL, NULL },
		{ "[::1]", NULL, NULL },
		{ ":::", NULL, NULL },
		{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:1111:2222",
		    NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct netaddr a, g, b;
		char got[NETADDR_TEXT_SIZE] = "", group[NETADDR_TEXT_SIZE] = "";
		bool ok = netaddr_parse(view_str(cases[i].in), &a);
		struct sockaddr_storage ss;
		socklen_t n;
		uint16_t port;

		if (!ok) {
			tap_ok(cases[i].want == NULL, "refused: \"%s\"",
			    cases[i].in);
			continue;
		}
		netaddr_text(&a, got);
		g = netaddr_group(&a);
		netaddr_text(&g, group);
		tap_ok(cases[i].want != NULL && strcmp(got, cases[i].want) == 0,
		    "%s is %s", cases[i].in, got);
		tap_ok(
		    cases[i].want != NULL && strcmp(group, cases[i].group) == 0,
		    "group of %s is %s", cases[i].in, group);
		n = netaddr_to_sockaddr(&a, 993, &ss);
		tap_ok(netaddr_from_sockaddr(
			   (struct sockaddr *)&ss, n, &b, &port) &&
			port == 993 && memcmp(&a, &b, sizeof(a)) == 0 &&
			!netaddr_from_sockaddr(
			    (struct sockaddr *)&ss, n - 1, &b, NULL),
		    "sockaddr of %s", cases[i].in);
	}
	tap_ok(!netaddr_parse(VIEW_LIT("1.2.3.4\0"), &(struct netaddr){ 0 }),
	    "a NUL inside");
}

static void
test_networks(void)
{
	static const struct {
		const char *net, *in, *out;
	} good[] = {
		{ "10.0.0.0/8", "10.255.0.1", "11.0.0.0" },
		{ "192.0.2.128/25", "192.0.2.255", "192.0.2.127" },
		{ "192.0.2.1", "192.0.2.1", "192.0.2.0" },
		{ "0.0.0.0/0", "255.1.1.1", "2001:db8::1" },
		{ "::/0", "2001:db8::1", NULL },
		{ "2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1" },
		{ "::1/128", "::1", "::2" },
		{ "::ffff:10.0.0.0/104", "10.1.1.1", "11.1.1.1" },
	};
	static const char *const bad[] = { "10.0.0.0/33", "10.0.0.1/8",
		"::/129", "2001:db8::1/64", "10.0.0.0/", "/8", "10.0.0.0/-1",
		"", "10.0.0.0/8 ", "x/8" };
	struct netaddr_net net, nets[2];
	struct netaddr a;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		bool ok = netaddr_net_parse(view_str(good[i].net), &net) &&
		    netaddr_parse(view_str(good[i].in), &a) &&
		    netaddr_match(&net, 1, &a);

		if (ok && good[i].out != NULL)
			ok = netaddr_parse(view_str(good[i].out), &a) &&
			    !netaddr_match(&net, 1, &a);
		tap_ok(ok, "network %s", good[i].net);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		tap_ok(!netaddr_net_parse(view_str(bad[i]), &net),
		    "refused: \"%s\"", bad[i]);
	tap_ok(netaddr_net_parse(VIEW_LIT("10.0.0.0/8"), &nets[0]) &&
		netaddr_net_parse(VIEW_LIT("::1"), &nets[1]) &&
		netaddr_parse(VIEW_LIT("::1"), &a) &&
		netaddr_match(nets, 2, &a) && !netaddr_match(nets, 1, &a) &&
		!netaddr_match(nets, 0, &a),
	    "a list of networks");
}

int
main(void)
{
	struct netaddr a;
	struct sockaddr sa = { .sa_family = AF_UNIX };

	test_addresses();
	test_networks();
	tap_ok(netaddr_parse(VIEW_LIT("127.9.9.9"), &a) &&
		netaddr_is_loopback(&a) && netaddr_is_4(&a),
	    "loopback 4");
	tap_ok(netaddr_parse(VIEW_LIT("::1"), &a) && netaddr_is_loopback(&a) &&
		!netaddr_is_4(&a),
	    "loopback 6");
	tap_ok(netaddr_parse(VIEW_LIT("::2"), &a) && !netaddr_is_loopback(&a),
	    "not loopback");
	tap_ok(!netaddr_from_sockaddr(&sa, sizeof(sa), &a, NULL), "not IP");
	return tap_done();
}
