/*
 * Summaries. The fixed part comes first, with the lengths of all that follows,
 * so that reading one is a handful of loads:
 *
 *   u8 format, u8 0, u16 zone + 1440, u32 flags, u64 seconds, u64 size,
 *   u64 header bytes, u64 body lines, 5 * u32 length, 5 * bytes
 *
 * The index is a byte with the width of offsets (4 or 8) and an entry a part,
 * parents before children:
 *
 *   u32 entries in its subtree with itself, u8 kind, u8 encoding, u32 lines,
 *   header offset, header bytes, body offset, body bytes
 */

#include "mail/summary.h"

#include "base/bytes.h"
#include "base/wire.h"
#include "mail/envelope.h"
#include "mail/header.h"
#include "mail/mime.h"
#include "mail/structure.h"

#define BLOBS 5
#define FIXED (40 + 4 * BLOBS) /* bytes in front of the blobs */
#define ENTRY (4 + 2 + 4)      /* bytes of an index entry without offsets */
#define ZONE_BIAS 1440
#define USUAL_SIZE 8192

static const struct {
	uint8_t n;
	char name[13];
} common_names[] = {
	{ 4, "date" },
	{ 4, "from" },
	{ 2, "to" },
	{ 2, "cc" },
	{ 3, "bcc" },
	{ 7, "subject" },
	{ 10, "message-id" },
	{ 11, "in-reply-to" },
	{ 10, "references" },
	{ 8, "reply-to" },
	{ 6, "sender" },
	{ 12, "content-type" },
	{ 12, "mime-version" },
	{ 7, "list-id" },
	{ 10, "importance" },
	{ 10, "x-priority" },
};

bool
header_is_common(struct view name)
{
	for (size_t i = 0; i < sizeof(common_names) / sizeof(*common_names);
	     i++)
		if (name.n == common_names[i].n &&
		    view_eq_ci(name,
			(struct view){
			    (const uint8_t *)common_names[i].name, name.n }))
			return true;
	return false;
}

static uint32_t
flags_of_field(const struct header_field *f)
{
	if (view_eq_ci(f->name, VIEW_LIT("mime-version")))
		return SUMMARY_IS_MIME;
	if (view_eq_ci(f->name, VIEW_LIT("list-id")) ||
	    view_eq_ci(f->name, VIEW_LIT("list-post")))
		return SUMMARY_IS_LIST;
	return 0;
}

/* The common fields' lines, and what can be told from names alone. */
static uint32_t
put_common(struct view header, struct buf *out)
{
	struct header_field f;
	uint32_t flags = 0;

	while (header_next(&header, &f)) {
		flags |= flags_of_field(&f);
		if (!header_is_common(f.name))
			continue;
		buf_put(out, f.raw);
		if (f.raw.p[f.raw.n - 1] != '\n')
			buf_put(out, VIEW_LIT("\r\n"));
	}
	buf_put(out, VIEW_LIT("\r\n"));
	return flags;
}

static bool
has_8bit(struct view v)
{
	uint8_t c = 0;

	for (size_t i = 0; i < v.n; i++)
		c |= v.p[i];
	return c >= 0x80;
}

static bool
has_name(const struct mime_part *p)
{
	return mime_param_find(p->params, VIEW_LIT("name")) != NULL ||
	    mime_param_find(p->params, VIEW_LIT("name*")) != NULL ||
	    mime_param_find(p->disposition_params, VIEW_LIT("filename")) !=
	    NULL ||
	    mime_param_find(p->disposition_params, VIEW_LIT("filename*")) !=
	    NULL ||
	    mime_param_find(p->disposition_params, VIEW_LIT("filename*0")) !=
	    NULL ||
	    mime_param_find(p->disposition_params, VIEW_LIT("filename*0*")) !=
	    NULL;
}

/* Signatures and encryption envelopes are not what a person attaches. */
static bool
is_wrapping(const struct mime_part *p)
{
	static const char *const types[] = { "pgp-signature", "pgp-encrypted",
		"pkcs7-signature", "x-pkcs7-signature", "pkcs7-mime",
		"x-pkcs7-mime", "ms-tnef" };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (mime_is(p, "application", types[i]))
			return true;
	return false;
}

/* A part of multipart/related after the first is shown inside the first. */
static bool
is_related(const struct mime_part *p)
{
	return p->parent != NULL &&
	    mime_is(p->parent, "multipart", "related") && p->parent->child != p;
}

static bool
is_attachment(const struct mime_part *p)
{
	bool attached = view_eq_ci(p->disposition, VIEW_LIT("attachment"));

	if (p->kind == MIME_MULTIPART || is_wrapping(p))
		return false;
	if (attached)
		return true;
	if (p->kind == MIME_MESSAGE)
		return p->parent != NULL &&
		    !mime_is(p->parent, "multipart", "digest");
	if (mime_is(p, "text", NULL))
		return has_name(p);
	if (mime_is(p, "message", NULL)) /* delivery reports and the like */
		return false;
	return !is_related(p) || (p->id.p == NULL && has_name(p));
}

static uint32_t
flags_of_parts(const struct mime_part *p)
{
	uint32_t flags = 0;

	for (; p != NULL; p = p->next) {
		if (is_attachment(p))
			flags |= SUMMARY_HAS_ATTACHMENT;
		if (mime_is(p, "image", NULL) || mime_is(p, "audio", NULL) ||
		    mime_is(p, "video", NULL))
			flags |= SUMMARY_HAS_MEDIA;
		if (p->child != NULL)
			flags |= flags_of_parts(p->child);
	}
	return flags;
}

static void
put_offset(struct buf *out, uint64_t v, uint8_t width)
{
	if (width == 4)
		wire_put_u32(out, (uint32_t)v);
	else
		wire_put_u64(out, v);
}

/* Writes the entry with a gap for the size of its subtree, which is known when
 * its children are written. Returns that size. */
static uint32_t
put_entries(const struct mime_part *p, uint8_t width, struct buf *out)
{
	size_t at = out->n;
	uint32_t n = 1;

	wire_put_u32(out, 0);
	wire_put_u8(out, (uint8_t)p->kind);
	wire_put_u8(out, (uint8_t)p->encoding);
	wire_put_u32(out, p->lines);
	put_offset(out, p->header, width);
	put_offset(out, p->header_n, width);
	put_offset(out, p->body, width);
	put_offset(out, p->body_n, width);
	for (const struct mime_part *c = p->child; c != NULL; c = c->next)
		n += put_entries(c, width, out);
	if (!out->failed)
		for (int i = 0; i < 4; i++)
			out->p[at + i] = (uint8_t)(n >> (24 - 8 * i));
	return n;
}

static void
put_index(const struct mime_part *root, size_t size, struct buf *out)
{
	uint8_t width = size <= UINT32_MAX ? 4 : 8;

	wire_put_u8(out, width);
	(void)put_entries(root, width, out);
}

/* A summary while it is made. */
struct maker {
	struct summary s;
	size_t length[BLOBS];
	struct buf blobs;
};

/* What has been added since the last call is blob i. */
static void
close_blob(struct maker *m, size_t i)
{
	size_t before = 0;

	for (size_t k = 0; k < i; k++)
		before += m->length[k];
	m->length[i] = m->blobs.n - before;
}

static void
make_blobs(struct maker *m, struct view msg, struct view header,
    const struct mime_part *root, struct arena *a)
{
	struct envelope e;

	envelope_read(header, a, &e);
	if (e.value[ENVELOPE_DATE].p != NULL &&
	    date_parse(e.value[ENVELOPE_DATE], &m->s.sent))
		m->s.flags |= SUMMARY_HAS_DATE;
	envelope_write(&e, a, &m->blobs);
	close_blob(m, 0);
	structure_write(msg, root, STRUCTURE_BODYSTRUCTURE, a, &m->blobs);
	close_blob(m, 1);
	structure_write(msg, root, STRUCTURE_BODY, a, &m->blobs);
	close_blob(m, 2);
	m->s.flags |= put_common(header, &m->blobs);
	close_blob(m, 3);
	put_index(root, msg.n, &m->blobs);
	close_blob(m, 4);
}

static void
put_summary(const struct maker *m, struct buf *out)
{
	wire_put_u8(out, SUMMARY_FORMAT);
	wire_put_u8(out, 0);
	wire_put_u16(out, (uint16_t)(m->s.sent.zone_minutes + ZONE_BIAS));
	wire_put_u32(out, m->s.flags);
	wire_put_u64(out, (uint64_t)m->s.sent.seconds);
	wire_put_u64(out, m->s.size);
	wire_put_u64(out, m->s.header_n);
	wire_put_u64(out, m->s.body_lines);
	for (int i = 0; i < BLOBS; i++)
		wire_put_u32(out, (uint32_t)m->length[i]);
	buf_put(out, buf_view(&m->blobs));
}

void
summary_write(struct view msg, struct buf *out)
{
	AUTO_ARENA struct arena *a = arena_new(MIME_ARENA_MAX);
	const struct mime_part *root = mime_parse(msg, a);
	struct maker m = { .s = { .size = msg.n } };
	struct view header = mime_header(msg, root);

	buf_init(&m.blobs, SUMMARY_MAX - FIXED);
	(void)!buf_reserve(&m.blobs, USUAL_SIZE);
	m.s.header_n = root->header_n;
	m.s.body_lines = root->lines;
	make_blobs(&m, msg, header, root, a);
	m.s.flags |= flags_of_parts(root);
	if (has_8bit(header))
		m.s.flags |= SUMMARY_HAS_8BIT;
	if (msg.n > 0 && memchr(msg.p, 0, msg.n) != NULL)
		m.s.flags |= SUMMARY_HAS_NUL;
	if (m.blobs.failed) {
		m.s.flags |= SUMMARY_PARTIAL;
		memset(m.length, 0, sizeof(m.length));
		buf_clear(&m.blobs);
	}
	put_summary(&m, out);
	buf_fini(&m.blobs);
}

bool
summary_read(struct view in, struct summary *out)
{
	struct view *const blobs[BLOBS] = { &out->envelope, &out->bodystructure,
		&out->body, &out->common, &out->index };
	const uint8_t *p = in.p;
	size_t at = FIXED;

	if (in.n < FIXED || p[0] != SUMMARY_FORMAT || p[1] != 0)
		return false;
	out->sent.zone_minutes = (p[2] << 8 | p[3]) - ZONE_BIAS;
	out->flags = bytes_get32(p + 4);
	out->sent.seconds = (int64_t)bytes_get64(p + 8);
	out->size = bytes_get64(p + 16);
	out->header_n = bytes_get64(p + 24);
	out->body_lines = bytes_get64(p + 32);
	for (size_t i = 0; i < BLOBS; i++) {
		size_t n = bytes_get32(p + 40 + 4 * i);

		if (n > in.n - at)
			return false;
		*blobs[i] = (struct view){ p + at, n };
		at += n;
	}
	return at == in.n;
}

/* The index as an array; entries that would lie outside are no part. */
struct index {
	const uint8_t *p;
	size_t n; /* entries */
	size_t size;
	uint8_t width;
};

static bool
open_index(struct view v, struct index *x)
{
	if (v.n == 0 || (v.p[0] != 4 && v.p[0] != 8))
		return false;
	x->width = v.p[0];
	x->size = ENTRY + 4 * (size_t)x->width;
	x->p = v.p + 1;
	x->n = (v.n - 1) / x->size;
	return x->n > 0;
}

static enum mime_kind
kind_at(const struct index *x, size_t i)
{
	return (enum mime_kind)x->p[i * x->size + 4];
}

/* The entry after the subtree of i; never at or before i. */
static size_t
after(const struct index *x, size_t i)
{
	uint32_t n = bytes_get32(x->p + i * x->size);

	return i + (n > 0 ? n : 1);
}

/* Child k (from 1) of the multipart i; x->n when there is none. */
static size_t
child(const struct index *x, size_t i, uint32_t k)
{
	size_t end = after(x, i);
	size_t c = i + 1;

	if (end > x->n)
		end = x->n;
	if (k == 0)
		return x->n;
	while (c < end && --k > 0)
		c = after(x, c);
	return c < end ? c : x->n;
}

static uint64_t
offset_at(const struct index *x, size_t i, size_t field)
{
	const uint8_t *p = x->p + i * x->size + ENTRY + field * x->width;

	return x->width == 4 ? bytes_get32(p) : bytes_get64(p);
}

static void
fill(const struct index *x, size_t i, struct summary_part *out)
{
	const uint8_t *p = x->p + i * x->size;

	*out = (struct summary_part){
		.header = offset_at(x, i, 0),
		.header_n = offset_at(x, i, 1),
		.body = offset_at(x, i, 2),
		.body_n = offset_at(x, i, 3),
		.lines = bytes_get32(p + 6),
		.encoding = p[5] <= TRANSFER_UNKNOWN ? (enum transfer)p[5]
						     : TRANSFER_UNKNOWN,
		.is_multipart = p[4] == MIME_MULTIPART,
		.is_message = p[4] == MIME_MESSAGE && i + 1 < x->n,
	};
	if (out->is_message) {
		out->message_header = offset_at(x, i + 1, 0);
		out->message_header_n = offset_at(x, i + 1, 1);
		out->message_body = offset_at(x, i + 1, 2);
		out->message_body_n = offset_at(x, i + 1, 3);
	}
}

bool
summary_part(const struct summary *s, const uint32_t *path, size_t n,
    struct summary_part *out)
{
	struct index x;
	size_t at = 0;

	if (!open_index(s->index, &x))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && kind_at(&x, at) == MIME_MESSAGE)
			at++;
		else if (i > 0 && kind_at(&x, at) == MIME_LEAF)
			return false;
		if (at < x.n && kind_at(&x, at) == MIME_MULTIPART)
			at = child(&x, at, path[i]);
		else if (path[i] != 1)
			return false;
		if (at >= x.n)
			return false;
	}
	fill(&x, at, out);
	return true;
}
