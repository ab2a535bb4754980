#include <stdlib.h>

#include "base/mem.h"
#include "store/engine.h"

/* Passes everything on to the inner engine, asking before and after each call
 * that changes something. */
struct fault_engine {
	struct engine e;
	struct engine *inner;
	engine_fault_fn *before, *after;
	void *ctx;
};

static struct fault_engine *
self(struct engine *e)
{
	return (struct fault_engine *)e;
}

static struct engine *
inner(struct engine *e)
{
	return self(e)->inner;
}

static int
ask(engine_fault_fn *fn, struct engine *e, enum engine_call call,
    uint64_t number)
{
	return fn == NULL ? 0 : fn(self(e)->ctx, call, number);
}

/* The call, unless before says otherwise; its result, unless after does. */
#define FAULTY(e, call, number, expr)                                          \
	({                                                                     \
		int r_ = ask(self(e)->before, e, call, number);                \
		if (r_ == 0) {                                                 \
			r_ = (expr);                                           \
			if (r_ == 0)                                           \
				r_ = ask(self(e)->after, e, call, number);     \
		}                                                              \
		r_;                                                            \
	})

static int
fault_lock(struct engine *e, unsigned timeout_ms, struct why *w)
{
	return inner(e)->ops->lock(inner(e), timeout_ms, w);
}

static void
fault_unlock(struct engine *e)
{
	inner(e)->ops->unlock(inner(e));
}

static int
fault_list(struct engine *e, enum engine_kind kind, struct engine_info **out,
    size_t *n, struct why *w)
{
	return inner(e)->ops->list(inner(e), kind, out, n, w);
}

static int
fault_stat(struct engine *e, enum engine_kind kind, uint64_t number,
    struct engine_info *out, struct why *w)
{
	return inner(e)->ops->stat(inner(e), kind, number, out, w);
}

static int
fault_create(struct engine *e, uint64_t number, struct view head,
    unsigned flags, struct why *w)
{
	return FAULTY(e, ENGINE_CREATE, number,
	    inner(e)->ops->create(inner(e), number, head, flags, w));
}

static int
fault_append(struct engine *e, uint64_t number, uint64_t expected,
    const struct view *parts, size_t n, unsigned flags, struct why *w)
{
	return FAULTY(e, ENGINE_APPEND, number,
	    inner(e)->ops->append(
		inner(e), number, expected, parts, n, flags, w));
}

static int
fault_put(struct engine *e, uint64_t number, struct view content, struct why *w)
{
	return inner(e)->ops->put(inner(e), number, content, w);
}

static int
fault_cut(struct engine *e, uint64_t number, uint64_t length, struct why *w)
{
	return FAULTY(e, ENGINE_CUT, number,
	    inner(e)->ops->cut(inner(e), number, length, w));
}

static int
fault_sync(struct engine *e, uint64_t number, bool names, struct why *w)
{
	return FAULTY(e, ENGINE_SYNC, number,
	    inner(e)->ops->sync(inner(e), number, names, w));
}

static void
fault_seal(struct engine *e, uint64_t number)
{
	inner(e)->ops->seal(inner(e), number);
}

static int
fault_read(struct engine *e, enum engine_kind kind, uint64_t number,
    uint64_t at, void *out, size_t n, struct why *w)
{
	return inner(e)->ops->read(inner(e), kind, number, at, out, n, w);
}

static int
fault_map(struct engine *e, enum engine_kind kind, uint64_t number, uint64_t at,
    size_t n, struct view *out, int *fd, struct why *w)
{
	return inner(e)->ops->map(inner(e), kind, number, at, n, out, fd, w);
}

static bool
fault_mapped(struct engine *e, enum engine_kind kind, uint64_t number)
{
	return inner(e)->ops->mapped(inner(e), kind, number);
}

static void
fault_unmap(struct engine *e, enum engine_kind kind, uint64_t number)
{
	inner(e)->ops->unmap(inner(e), kind, number);
}

static void
fault_release(struct engine *e, bool trim)
{
	inner(e)->ops->release(inner(e), trim);
}

static int
fault_remove(
    struct engine *e, enum engine_kind kind, uint64_t number, struct why *w)
{
	return FAULTY(e, ENGINE_REMOVE, number,
	    inner(e)->ops->remove(inner(e), kind, number, w));
}

static int
fault_body_dir(const struct engine *e)
{
	const struct engine *in = ((const struct fault_engine *)e)->inner;

	return in->ops->body_dir(in);
}

static void
fault_close(struct engine *e)
{
	inner(e)->ops->close(inner(e));
	free(self(e));
}

static const struct engine_ops fault_ops = {
	.name = "fault",
	.lock = fault_lock,
	.unlock = fault_unlock,
	.list = fault_list,
	.stat = fault_stat,
	.create = fault_create,
	.append = fault_append,
	.put = fault_put,
	.cut = fault_cut,
	.sync = fault_sync,
	.seal = fault_seal,
	.read = fault_read,
	.map = fault_map,
	.mapped = fault_mapped,
	.unmap = fault_unmap,
	.release = fault_release,
	.remove = fault_remove,
	.body_dir = fault_body_dir,
	.close = fault_close,
};

struct engine *
engine_fault(struct engine *in, engine_fault_fn *before, engine_fault_fn *after,
    void *ctx)
{
	struct fault_engine *f = xcalloc(1, sizeof(*f));

	f->e.ops = &fault_ops;
	f->inner = in;
	f->before = before;
	f->after = after;
	f->ctx = ctx;
	return &f->e;
}
