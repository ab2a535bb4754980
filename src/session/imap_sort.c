/*
 * SORT and THREAD (RFC 5256): a SEARCH whose result is put in order.
 */

#include "base/mem.h"
#include "imap/response.h"
#include "search/sort.h"
#include "search/thread.h"
#include "session/imap_search.h"

static uint32_t
number_of(const struct session *s, uint32_t uid)
{
	return s->cmd->uid ? uid : uidmap_seq(&s->st.map, uid);
}

static void
put_sort(struct session *s, const uint32_t *uid, size_t n)
{
	buf_put_str(&s->c.out.b, "* SORT");
	for (size_t i = 0; i < n; i++) {
		buf_put_byte(&s->c.out.b, ' ');
		buf_put_dec(&s->c.out.b, number_of(s, uid[i]));
		output_turn(&s->c.out);
	}
	buf_put_str(&s->c.out.b, "\r\n");
}

void
imap_sort(struct session *s, const struct command *c)
{
	const struct command_sort *q = &c->u.sort;
	struct uidset found = { 0 };
	uint32_t *uid = NULL;
	size_t n = 0;
	int r;

	if (imap_search_run(s, &q->key, q->charset, &found)) {
		r = sort_messages(s->c.account, s->st.mailbox, found.run,
		    found.n, q->by, q->n, &uid, &n);
		if (r == 0) {
			put_sort(s, uid, n);
			session_ok(s, NULL);
		} else {
			session_store_result(s, r);
		}
	}
	mem_free(&uid);
	uidset_fini(&found);
}

/* A node that begins a list of its own: a root, or one of several siblings. */
static bool
begins_list(const struct threads *t, uint32_t i)
{
	const struct thread_node *node = &t->node[i];

	return node->parent == THREAD_NONE || node->next != THREAD_NONE ||
	    t->node[node->parent].child != i;
}

/* After i and all below it: close its lists, find what comes next. */
static uint32_t
close_lists(struct session *s, const struct threads *t, uint32_t i)
{
	for (;;) {
		if (begins_list(t, i))
			buf_put_byte(&s->c.out.b, ')');
		if (t->node[i].next != THREAD_NONE)
			return t->node[i].next;
		if ((i = t->node[i].parent) == THREAD_NONE)
			return i;
	}
}

/* thread-list = "(" (thread-members / thread-nested) ")"; no recursion, since
 * threads can be as deep as there are messages. */
static void
put_threads(struct session *s, const struct threads *t)
{
	uint32_t i = t->first;

	buf_put_str(&s->c.out.b, i == THREAD_NONE ? "* THREAD" : "* THREAD ");
	while (i != THREAD_NONE) {
		const struct thread_node *node = &t->node[i];

		if (begins_list(t, i))
			buf_put_byte(&s->c.out.b, '(');
		if (node->uid != 0)
			buf_put_dec(&s->c.out.b, number_of(s, node->uid));
		if (node->uid != 0 && node->child != THREAD_NONE)
			buf_put_byte(&s->c.out.b, ' ');
		i = node->child != THREAD_NONE ? node->child
					       : close_lists(s, t, i);
		output_turn(&s->c.out);
	}
	buf_put_str(&s->c.out.b, "\r\n");
}

void
imap_thread(struct session *s, const struct command *c)
{
	const struct command_thread *q = &c->u.thread;
	struct uidset found = { 0 };
	struct threads t = { 0 };
	int r;

	if (imap_search_run(s, &q->key, q->charset, &found)) {
		r = thread_messages(s->c.account, s->st.mailbox, found.run,
		    found.n, q->algorithm, &t);
		if (r == 0) {
			put_threads(s, &t);
			session_ok(s, NULL);
		} else {
			session_store_result(s, r);
		}
	}
	threads_fini(&t);
	uidset_fini(&found);
}
