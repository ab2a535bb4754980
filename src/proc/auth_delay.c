#include "proc/auth_delay.h"

#include <stdlib.h>

#include "base/limit.h"
#include "base/mem.h"

struct auth_delay {
	struct limit *pairs, *addresses;
};

#define ADDRESS 16 /* bytes at the start of a pair's key */
#define MANY 1000000

struct auth_delay *
auth_delay_new(void)
{
	struct auth_delay *d = xcalloc(1, sizeof(*d));

	d->pairs = limit_new(AUTH_DELAY_CLIENTS, AUTH_DELAY_PAIR_DRAIN_MS);
	d->addresses =
	    limit_new(AUTH_DELAY_CLIENTS, AUTH_DELAY_ADDRESS_DRAIN_MS);
	return d;
}

void
auth_delay_free(struct auth_delay **dp)
{
	struct auth_delay *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	limit_free(&d->pairs);
	limit_free(&d->addresses);
	free(d);
}

static struct view
pair(const struct auth_delay_try *t)
{
	return (struct view){ t->key, t->key_n };
}

static struct view
address(const struct auth_delay_try *t)
{
	return (struct view){ t->key, ADDRESS };
}

bool
auth_delay_begin(struct auth_delay *d, const struct netaddr *client,
    struct view name, uint64_t now_ms, struct auth_delay_try *t)
{
	struct netaddr group = netaddr_group(client);
	struct view n = view_sub(name, 0, AUTH_DELAY_NAME_MAX);
	uint32_t most = MANY;

	memcpy(t->key, group.b, ADDRESS);
	if (n.n > 0)
		memcpy(t->key + ADDRESS, n.p, n.n);
	t->key_n = ADDRESS + n.n;
	if (limit_level(d->pairs, pair(t), now_ms) > AUTH_DELAY_FREE)
		most = AUTH_DELAY_AT_ONCE;
	if (limit_hold(d->pairs, pair(t), most))
		return true;
	t->key_n = 0;
	return false;
}

uint64_t
auth_delay_failed(
    struct auth_delay *d, const struct auth_delay_try *t, uint64_t now_ms)
{
	uint32_t p = limit_charge(d->pairs, pair(t), 1, now_ms);
	uint32_t a = limit_charge(d->addresses, address(t), 1, now_ms);
	uint64_t x =
	    limit_delay_ms(p, 0, AUTH_DELAY_FIRST_MS, AUTH_DELAY_MAX_MS);
	uint64_t y = limit_delay_ms(a, AUTH_DELAY_ADDRESS_GRACE,
	    AUTH_DELAY_FIRST_MS, AUTH_DELAY_MAX_MS);

	return x > y ? x : y;
}

uint64_t
auth_delay_worked(
    struct auth_delay *d, const struct auth_delay_try *t, uint64_t now_ms)
{
	uint32_t level = limit_level(d->pairs, pair(t), now_ms);

	limit_forgive(d->pairs, pair(t));
	return limit_delay_ms(
	    level, AUTH_DELAY_FREE, AUTH_DELAY_FIRST_MS, AUTH_DELAY_MAX_MS);
}

void
auth_delay_end(struct auth_delay *d, struct auth_delay_try *t)
{
	if (t->key_n > 0)
		limit_drop(d->pairs, pair(t));
	t->key_n = 0;
}
