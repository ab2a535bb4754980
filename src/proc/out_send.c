#include "proc/out_send.h"

#include <assert.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sysexits.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/num.h"
#include "proc/out_smtp.h"
#include "proc/runner.h"
#include "proc/settings.h"
#include "proc/start.h"

/*
 * One recipient is one transaction, over a connection that libcurl keeps: so
 * each has its own answer, and a server that refuses one of several is no
 * special case. A failure is for good only when the server has said so (5yz) to
 * MAIL, RCPT, DATA or the end of the message; a login or a greeting that is
 * refused is the administrator's to mend, and no reason to bounce.
 */
#define CA_MAX ((size_t)4 << 20)
#define LOGIN_MAX 4096
#define PIECE (64 * 1024)
#define PATH_ENV                                                               \
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define ARGS_MAX 32     /* words of [out] sendmail */
#define BYTES_PER_MS 16 /* a large message may take longer by so much */
static const char trust_store[] = "/etc/ssl/certs/ca-certificates.crt";

/* ---- the process ---- */

struct sender {
	const struct conf *conf;
	struct log *log;
	int sock;
	bool program; /* sendmail instead of smtp */
	/* smtp */
	CURL *curl;
	char *ca; /* PEM of the trust store; NULL: libcurl's own */
	size_t ca_n;
	char login[LOGIN_MAX + 1];
	const char *name, *password; /* parts of login; NULL: none */
	/* sendmail */
	char words[512];
	const char *argv[ARGS_MAX + MSG_OUT_RECIPIENTS_MAX + 10];
	size_t argc;
	/* the present job */
	const uint8_t *octets;
	struct recipient_text {
		uint8_t p[OUT_QUEUE_TEXT_MAX];
		size_t n;
	} text[MSG_OUT_RECIPIENTS_MAX];
};

/* What the callbacks of one transaction know. */
struct transfer {
	struct view rest;             /* octets still to be sent */
	struct recipient_text *reply; /* last line of the server */
	char command[5];              /* last one of ours */
	char last[5];                 /* but QUIT */
};

static void
set_text(struct recipient_text *t, struct view v)
{
	while (v.n > 0 && (v.p[v.n - 1] == '\r' || v.p[v.n - 1] == '\n'))
		v.n--;
	t->n = v.n < sizeof(t->p) ? v.n : sizeof(t->p);
	for (size_t i = 0; i < t->n; i++)
		t->p[i] = v.p[i] >= ' ' && v.p[i] <= '~' ? v.p[i] : '?';
}

/* ---- smtp ---- */

static size_t
on_read(char *out, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;
	size_t most = size * n;

	if (most > t->rest.n)
		most = t->rest.n;
	if (most > 0)
		memcpy(out, t->rest.p, most);
	view_skip(&t->rest, most);
	return most;
}

static size_t
on_reply(char *p, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;

	if (strcmp(t->command, "QUIT") != 0)
		set_text(
		    t->reply, (struct view){ (const uint8_t *)p, size * n });
	return size * n;
}

/* libcurl takes its leave when something was refused: that answer is none. */
static int
on_trace(CURL *c, curl_infotype type, char *p, size_t n, void *ctx)
{
	struct transfer *t = ctx;

	(void)c;
	if (type == CURLINFO_HEADER_OUT && n >= 4) {
		if (strncmp(p, "QUIT", 4) != 0)
			memcpy(t->last, p, 4);
		memcpy(t->command, p, 4);
	} else if (type == CURLINFO_DATA_OUT) {
		memcpy(t->last, "DATA", 4);
		memcpy(t->command, "DATA", 4);
	}
	return 0;
}

/* Of the last reply; 0: there is none. */
static uint16_t
code_of(const struct transfer *t)
{
	uint64_t code;
	struct view v = { t->reply->p, t->reply->n < 3 ? t->reply->n : 3 };

	return v.n == 3 && num_parse(v, 599, &code) && code >= 100
	    ? (uint16_t)code
	    : 0;
}

/* Did the server speak of this message, not of us? */
static bool
about_message(const struct transfer *t, CURLcode r)
{
	static const char *const commands[] = { "MAIL", "RCPT", "DATA" };

	if (r != CURLE_SEND_ERROR && r != CURLE_RECV_ERROR &&
	    r != CURLE_WEIRD_SERVER_REPLY)
		return false;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(t->last, commands[i]) == 0)
			return true;
	return false;
}

/* Addresses that are not checked here: they were when they were taken. */
static void
bracketed(struct view v, char out[MSG_OUT_ADDRESS_MAX + 3])
{
	(void)snprintf(out, MSG_OUT_ADDRESS_MAX + 3, "<%.*s>", (int)v.n,
	    (const char *)v.p);
}

/* All of one transaction. */
static uint64_t
timeout_ms(const struct sender *s, const struct out_send_job *job)
{
	return conf_num(s->conf, "out", NULL, "timeout") +
	    job->size / BYTES_PER_MS;
}

static void
set_address(const struct sender *s, const struct out_send_job *job,
    struct view to, struct curl_slist **list)
{
	char text[MSG_OUT_ADDRESS_MAX + 3];

	bracketed(job->sender, text);
	(void)curl_easy_setopt(s->curl, CURLOPT_MAIL_FROM, text);
	bracketed(to, text);
	*list = curl_slist_append(NULL, text);
	if (*list == NULL)
		abort();
	(void)curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT, *list);
}

/* All of it was sent, and the answer to that is what it should be. libcurl
 * (7.88) says so too when it has not even connected again, after a message that
 * was refused, on a busy machine. */
static bool
was_taken(const struct transfer *t, uint16_t code)
{
	return strcmp(t->last, "DATA") == 0 && t->rest.n == 0 && code >= 200 &&
	    code < 300;
}

static void
fate_of(CURLcode r, const struct transfer *t, struct out_send_fate *fate)
{
	uint16_t code = code_of(t);

	if (r == CURLE_OK && was_taken(t, code)) {
		*fate =
		    (struct out_send_fate){ .state = OUT_SENT, .code = 250 };
		return;
	}
	fate->code = code >= 400 ? code : 0;
	fate->state =
	    code >= 500 && about_message(t, r) ? OUT_FAILED : OUT_WAITING;
	if (fate->code == 0)
		set_text(t->reply,
		    view_str(r == CURLE_OK ? "Nothing was sent"
					   : curl_easy_strerror(r)));
	fate->text = (struct view){ t->reply->p, t->reply->n };
}

/* With parameters that libcurl does not know. */
static void
smtp_by_us(struct sender *s, const struct out_smtp_mail *m, uint64_t ms,
    struct curl_slist *names, struct recipient_text *text,
    struct out_send_fate *fate)
{
	AUTO_BUF struct buf reply = BUF_INIT(OUT_SMTP_REPLY_MAX);
	enum out_smtp_result r;
	uint16_t code;

	switch (r = out_smtp_send(s->curl, names, m, ms, &code, &reply)) {
	case OUT_SMTP_SENT:
	case OUT_SMTP_SENT_WITHOUT_DSN:
		*fate = (struct out_send_fate){ .state = OUT_SENT,
			.code = 250,
			.dsn = r == OUT_SMTP_SENT };
		return;
	case OUT_SMTP_NO_UTF8:
		fate->state = OUT_FAILED;
		break;
	case OUT_SMTP_REFUSED:
		fate->state = code >= 500 ? OUT_FAILED : OUT_WAITING;
		break;
	case OUT_SMTP_FAILED:
		fate->state = OUT_WAITING;
		break;
	}
	fate->code = code >= 400 ? code : 0;
	set_text(text, buf_view(&reply));
	fate->text = (struct view){ text->p, text->n };
}

static void
smtp_by_curl(struct sender *s, const struct out_send_job *job, struct view to,
    struct recipient_text *text, struct out_send_fate *fate)
{
	struct transfer t = { .rest = { s->octets, (size_t)job->size },
		.reply = text };
	struct curl_slist *list;
	CURLcode r;

	text->n = 0;
	set_address(s, job, to, &list);
	(void)curl_easy_setopt(s->curl, CURLOPT_READDATA, &t);
	(void)curl_easy_setopt(s->curl, CURLOPT_HEADERDATA, &t);
	(void)curl_easy_setopt(s->curl, CURLOPT_DEBUGDATA, &t);
	(void)curl_easy_setopt(
	    s->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)job->size);
	(void)curl_easy_setopt(
	    s->curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms(s, job));
	r = curl_easy_perform(s->curl);
	curl_slist_free_all(list);
	fate_of(r, &t, fate);
}

static void
smtp_one(struct sender *s, const struct out_send_job *job, struct view to,
    struct curl_slist *names, struct recipient_text *text,
    struct out_send_fate *fate)
{
	const struct out_smtp_mail m = { .sender = job->sender,
		.to = to,
		.octets = { s->octets, (size_t)job->size },
		.dsn = job->dsn,
		.utf8 = job->utf8 };

	if (out_smtp_needed(&m))
		smtp_by_us(s, &m, timeout_ms(s, job), names, text, fate);
	else
		smtp_by_curl(s, job, to, text, fate);
}

/* "smtp://mail.example.org:587": what stands between the slashes. */
static bool
split_url(const char *url, char host[256], char port[8])
{
	const char *p = strstr(url, "://"), *end, *colon;
	size_t n;

	if (p == NULL)
		return false;
	p += 3;
	end = p + strcspn(p, "/");
	if (*p == '[') {
		p++;
		colon = memchr(p, ']', (size_t)(end - p));
		if (colon == NULL)
			return false;
		n = (size_t)(colon - p);
		colon = colon + 1 < end && colon[1] == ':' ? colon + 1 : NULL;
	} else {
		colon = memchr(p, ':', (size_t)(end - p));
		n = (size_t)((colon != NULL ? colon : end) - p);
	}
	if (n == 0 || n > 255)
		return false;
	memcpy(host, p, n);
	host[n] = '\0';
	(void)snprintf(port, 8, "%.*s",
	    colon != NULL && end - colon - 1 < 7 ? (int)(end - colon - 1) : 3,
	    colon != NULL       ? colon + 1
		: url[4] == 's' ? "465"
				: "587");
	return true;
}

bool
out_send_server(const struct conf *conf, char out[OUT_SEND_HOST_SIZE])
{
	char port[8];

	return split_url(conf_str(conf, "out", NULL, "smtp"), out, port);
}

/* libcurl would start a thread to look a name up, which nobody may here. */
static struct curl_slist *
resolve(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found, *a;
	AUTO_BUF struct buf b = BUF_INIT(4096);
	struct curl_slist *list;
	char text[NI_MAXHOST];

	if (getaddrinfo(host, port, &hints, &found) != 0)
		return NULL;
	buf_printf(&b, "+%s:%s:", host, port);
	for (a = found; a != NULL; a = a->ai_next) {
		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text),
			NULL, 0, NI_NUMERICHOST) != 0)
			continue;
		if (a != found)
			buf_put_byte(&b, ',');
		buf_printf(&b, strchr(text, ':') != NULL ? "[%s]" : "%s", text);
	}
	freeaddrinfo(found);
	buf_put_byte(&b, '\0');
	if (b.failed)
		return NULL;
	list = curl_slist_append(NULL, (const char *)b.p);
	return list;
}

/* It did not answer at all. */
static bool
is_away(const struct out_send_fate *f)
{
	return f->state == OUT_WAITING && f->code == 0;
}

static void
send_smtp(struct sender *s, const struct out_send_job *job,
    struct out_send_sent *sent)
{
	char host[256], port[8];
	struct curl_slist *names = NULL;
	struct view rest = job->packed, to;

	if (split_url(conf_str(s->conf, "out", NULL, "smtp"), host, port))
		names = resolve(host, port);
	for (uint32_t i = 0; i < job->n && msg_out_next(&rest, &to); i++) {
		struct out_send_fate *fate = &sent->fate[i];

		if (names == NULL) {
			set_text(&s->text[i],
			    VIEW_LIT("The name of the server cannot be "
				     "looked up"));
			*fate = (struct out_send_fate){ .text = { s->text[i].p,
							    s->text[i].n } };
			continue;
		}
		if (i > 0 && is_away(&sent->fate[i - 1])) {
			*fate = sent->fate[i - 1]; /* no need to wait again */
			continue;
		}
		(void)curl_easy_setopt(s->curl, CURLOPT_RESOLVE, names);
		smtp_one(s, job, to, names, &s->text[i], fate);
	}
	curl_slist_free_all(names);
}

static void
set_security(struct sender *s)
{
	static const long how[] = { CURLUSESSL_ALL, CURLUSESSL_TRY,
		CURLUSESSL_NONE };
	struct curl_blob ca = { s->ca, s->ca_n, CURL_BLOB_NOCOPY };
	size_t tls = conf_enum(s->conf, "out", NULL, "smtp-tls");

	/* whoever can cut STARTTLS out of an answer gets no password by it */
	if (s->name != NULL && how[tls] == CURLUSESSL_TRY)
		tls = 0;
	(void)curl_easy_setopt(s->curl, CURLOPT_USE_SSL, how[tls]);
	(void)curl_easy_setopt(
	    s->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(s->curl, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)curl_easy_setopt(s->curl, CURLOPT_SSL_VERIFYHOST, 2L);
	if (s->ca != NULL)
		(void)curl_easy_setopt(s->curl, CURLOPT_CAINFO_BLOB, &ca);
	if (s->name != NULL) {
		(void)curl_easy_setopt(s->curl, CURLOPT_USERNAME, s->name);
		(void)curl_easy_setopt(s->curl, CURLOPT_PASSWORD, s->password);
	}
}

/* The name we say in EHLO is the path of the URL. */
static void
set_url(struct sender *s)
{
	const char *url = conf_str(s->conf, "out", NULL, "smtp");
	char host[256], port[8], room[SETTINGS_HOST_SIZE], text[600];
	struct view name = settings_host(s->conf, room);

	if (!split_url(url, host, port))
		return;
	(void)snprintf(text, sizeof(text),
	    strchr(host, ':') != NULL ? "%.*s://[%s]:%s/%.*s"
				      : "%.*s://%s:%s/%.*s",
	    (int)strcspn(url, ":"), url, host, port, (int)name.n,
	    (const char *)name.p);
	(void)curl_easy_setopt(s->curl, CURLOPT_URL, text);
}

static bool
start_smtp(struct sender *s)
{
	uint64_t ms = conf_num(s->conf, "out", NULL, "timeout");

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (s->curl = curl_easy_init()) == NULL)
		return false;
	(void)curl_easy_setopt(s->curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	(void)curl_easy_setopt(s->curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(s->curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(s->curl, CURLOPT_UPLOAD, 1L);
	(void)curl_easy_setopt(s->curl, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)(ms < 60000 ? ms : 60000));
	(void)curl_easy_setopt(s->curl, CURLOPT_READFUNCTION, on_read);
	(void)curl_easy_setopt(s->curl, CURLOPT_HEADERFUNCTION, on_reply);
	(void)curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, on_reply);
	(void)curl_easy_setopt(s->curl, CURLOPT_DEBUGFUNCTION, on_trace);
	(void)curl_easy_setopt(s->curl, CURLOPT_VERBOSE, 1L);
	set_security(s);
	set_url(s);
	return true;
}

/* ---- sendmail ---- */

/* The octets with LF at the ends of lines, as such programs want them. */
static int
as_lines(const struct sender *s, const struct out_send_job *job)
{
	int fd = memfd_create("message", MFD_CLOEXEC);
	AUTO_FREE uint8_t *p = xmalloc(PIECE);
	size_t n = 0;

	for (uint64_t i = 0; fd != -1 && i < job->size; i++) {
		if (s->octets[i] == '\r' && i + 1 < job->size &&
		    s->octets[i + 1] == '\n')
			continue;
		p[n++] = s->octets[i];
		if (n < PIECE)
			continue;
		if (fd_write(fd, (struct view){ p, n }) != 0)
			fd_close(&fd);
		n = 0;
	}
	if (fd != -1 && fd_write(fd, (struct view){ p, n }) != 0)
		fd_close(&fd);
	return fd;
}

static uint8_t
state_of(const struct runner_result *r)
{
	if (r->end != RUNNER_EXITED)
		return OUT_WAITING;
	switch (r->status) {
	case EX_OK:
		return OUT_SENT;
	case EX_DATAERR:
	case EX_NOUSER:
	case EX_NOHOST:
		return OUT_FAILED;
	default:
		return OUT_WAITING;
	}
}

static struct view
first_line(const struct buf *b)
{
	const uint8_t *lf = b->n > 0 ? memchr(b->p, '\n', b->n) : NULL;

	return (struct view){ b->p, lf != NULL ? (size_t)(lf - b->p) : b->n };
}

/* One program for all: it has one fate for all of them. */
static void
run_program(struct sender *s, const struct out_send_job *job, char *addresses,
    struct out_send_fate *fate)
{
	static const char *const env[] = { PATH_ENV, "LC_ALL=C.UTF-8", NULL };
	AUTO_CLOSE int input = as_lines(s, job);
	AUTO_BUF struct buf output = BUF_INIT(4096);
	struct runner_program p = { .argv = s->argv,
		.env = env,
		.dir = -1,
		.input = input,
		.limits = { .wall_ms =
				conf_num(s->conf, "out", NULL, "timeout") },
		.output_max = 2048 };
	struct runner_result r;
	struct why w = { "" };
	char how[64];

	(void)addresses;
	*fate = (struct out_send_fate){ .state = OUT_WAITING };
	if (input == -1 || runner_run(&p, &r, &output, &w) != 0) {
		set_text(&s->text[0], VIEW_LIT("No process or memory is left"));
	} else {
		fate->state = state_of(&r);
		fate->code = fate->state == OUT_FAILED ? 550 : 0;
		runner_text(&r, how);
		set_text(&s->text[0],
		    first_line(&output).n > 0 ? first_line(&output)
					      : view_str(how));
	}
	if (fate->state != OUT_SENT)
		fate->text = (struct view){ s->text[0].p, s->text[0].n };
}

/* Addresses as strings of ours: n bytes and the NUL, one behind the other. */
static const char *
put_string(char **at, struct view v)
{
	char *p = *at;

	if (v.n > 0)
		memcpy(p, v.p, v.n);
	p[v.n] = '\0';
	*at += v.n + 1;
	return p;
}

static const char *
notify_words(uint8_t notify)
{
	static const char *const words[] = { NULL, "never", "success", NULL,
		"failure", NULL, "success,failure", NULL, "delay", NULL,
		"success,delay", NULL, "failure,delay", NULL,
		"success,failure,delay" };

	return notify < sizeof(words) / sizeof(words[0]) ? words[notify] : NULL;
}

/* As sendmail takes what the sender wants to be told; there is no way to say
 * ORCPT. False: the program does not take it. */
static bool
put_dsn(struct sender *s, const struct msg_deliver_dsn *m, char **at, size_t *n)
{
	const char *words = notify_words(m->notify);

	if (!conf_bool(s->conf, "out", NULL, "sendmail-dsn"))
		return false;
	if (words != NULL) {
		s->argv[(*n)++] = "-N";
		s->argv[(*n)++] = words;
	}
	if (m->ret != MSG_DELIVER_RET_NONE) {
		s->argv[(*n)++] = "-R";
		s->argv[(*n)++] =
		    m->ret == MSG_DELIVER_RET_FULL ? "full" : "hdrs";
	}
	if (m->envid.n > 0) {
		s->argv[(*n)++] = "-V";
		s->argv[(*n)++] = put_string(at, m->envid);
	}
	return true;
}

static void
send_program(struct sender *s, const struct out_send_job *job,
    struct out_send_sent *sent)
{
	AUTO_FREE char *text = xmalloc(MSG_DELIVER_ENVID_MAX + 1 +
	    (MSG_OUT_RECIPIENTS_MAX + 1) * (MSG_OUT_ADDRESS_MAX + 1));
	struct view rest = job->packed, to;
	char *at = text;
	size_t n = s->argc;
	bool dsn = put_dsn(s, &job->dsn, &at, &n);

	s->argv[n++] = "-f";
	s->argv[n++] =
	    put_string(&at, job->sender.n > 0 ? job->sender : VIEW_LIT("<>"));
	s->argv[n++] = "--";
	for (uint32_t i = 0; i < job->n && msg_out_next(&rest, &to); i++)
		s->argv[n++] = put_string(&at, to);
	s->argv[n] = NULL;
	run_program(s, job, text, &sent->fate[0]);
	sent->fate[0].dsn = dsn && sent->fate[0].state == OUT_SENT;
	for (uint32_t i = 1; i < job->n; i++)
		sent->fate[i] = sent->fate[0];
}

/* ---- jobs ---- */

/* A CR or LF that stands alone becomes a blank (RFC 5321 section 2.3.8 forbids to
 * send it): a server that takes it for the end of a line could be made to see
 * the end of the message where none is, and commands behind it. */
static void
no_stray_ends(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\r' && i + 1 < n && p[i + 1] == '\n')
			i++;
		else if (p[i] == '\r' || p[i] == '\n')
			p[i] = ' ';
	}
}

static void
run_job(struct sender *s, const struct out_send_job *job, int fd,
    struct out_send_sent *sent)
{
	size_t all = (size_t)(job->offset + job->size);
	uint8_t *p = mmap(NULL, all > 0 ? all : 1, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE, fd, 0);

	sent->number = job->number;
	sent->n = job->n;
	if (p == MAP_FAILED) {
		for (uint32_t i = 0; i < job->n; i++)
			sent->fate[i] = (struct out_send_fate){
				.text = VIEW_LIT("No memory is left")
			};
		return;
	}
	no_stray_ends(p + job->offset, (size_t)job->size);
	s->octets = p + job->offset;
	if (s->program)
		send_program(s, job, sent);
	else
		send_smtp(s, job, sent);
	(void)munmap(p, all > 0 ? all : 1);
}

static bool
one(struct sender *s)
{
	AUTO_FREE uint8_t *p = xmalloc(MSG_MAX);
	AUTO_FREE struct out_send_sent *sent = xcalloc(1, sizeof(*sent));
	AUTO_BUF struct buf b = BUF_INIT(MSG_MAX);
	AUTO_CLOSE int fd = -1;
	ssize_t n = fd_recv(s->sock, p, MSG_MAX, &fd);
	struct wire w = wire_read((struct view){ p, n > 0 ? (size_t)n : 0 });
	struct out_send_job job;

	if (n <= 0 || wire_u32(&w) != OUT_SEND_JOB ||
	    !out_send_job_get(&w, &job) || fd == -1)
		return false;
	run_job(s, &job, fd, sent);
	out_send_sent_put(&b, sent);
	return fd_send(s->sock, buf_view(&b), -1) == 0;
}

/* ---- beginning ---- */

/* The first two lines of the file. */
static bool
read_login(struct sender *s)
{
	const char *path = conf_str(s->conf, "out", NULL, "login");
	AUTO_CLOSE int fd = -1;
	char *lf;
	ssize_t n;

	if (*path == '\0')
		return true;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || (n = read(fd, s->login, LOGIN_MAX)) <= 0) {
		log_say(s->log, LOG_FAILURES, "login", "read %s: %s", path,
		    fd == -1 ? strerror(errno) : "it is empty");
		return false;
	}
	s->login[n] = '\0';
	if ((lf = strchr(s->login, '\n')) == NULL) {
		log_say(s->log, LOG_FAILURES, "login",
		    "%s must have two lines: name and password", path);
		return false;
	}
	s->login[strcspn(s->login, "\r\n")] = '\0';
	s->name = s->login;
	s->password = lf + 1;
	lf[1 + strcspn(lf + 1, "\r\n")] = '\0';
	return true;
}

static bool
read_trust(struct sender *s)
{
	const char *own = conf_str(s->conf, "out", NULL, "ca");
	const char *path = *own != '\0' ? own : trust_store;
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct buf b = BUF_INIT(CA_MAX);
	int r = fd == -1 ? -errno : fd_read_whole(fd, CA_MAX, &b);

	if (r != 0 || b.n == 0) {
		buf_fini(&b);
		if (*own != '\0')
			log_say(s->log, LOG_FAILURES, "trust", "read %s: %s",
			    path, strerror(-r));
		return *own == '\0';
	}
	s->ca = (char *)b.p; /* for good */
	s->ca_n = b.n;
	return true;
}

/* Words by blanks; a word may stand in quotes in no way. */
static bool
split_command(struct sender *s)
{
	char *save = NULL, *word;

	(void)snprintf(s->words, sizeof(s->words), "%s",
	    conf_str(s->conf, "out", NULL, "sendmail"));
	for (word = strtok_r(s->words, " \t", &save); word != NULL;
	     word = strtok_r(NULL, " \t", &save)) {
		if (s->argc == ARGS_MAX)
			return false;
		s->argv[s->argc++] = word;
	}
	return s->argc > 0;
}

static bool
begin(struct sender *s, enum sandbox_mode mode)
{
	struct why w = { "" };
	unsigned up;

	s->program = *conf_str(s->conf, "out", NULL, "smtp") == '\0';
	if (s->program)
		return split_command(s);
	if (!read_login(s) || !read_trust(s) || !start_smtp(s))
		return false;
	if (sandbox_sender(mode, &up, &w) != 0) {
		log_why(s->log, LOG_FAILURES, "walls", &w);
		return false;
	}
	return true;
}

static A_NORETURN void
run(const struct conf *conf, struct log *log, enum sandbox_mode mode, int sock)
{
	struct sender *s = xcalloc(1, sizeof(*s));
	int keep = fcntl(sock, F_DUPFD, 10);
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGCHLD, SIG_DFL);
	(void)prctl(PR_SET_NAME, "fumi-out-send", 0, 0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* nothing of the queue, the hub or master */
	if (keep == -1 || dup3(keep, 4, O_CLOEXEC) != 4 ||
	    syscall(SYS_close_range, 3, 3, 0) != 0 ||
	    syscall(SYS_close_range, 6, ~0u, 0) != 0)
		_exit(1);
	*s = (struct sender){ .conf = conf, .log = log, .sock = 4 };
	if (!begin(s, mode))
		_exit(1);
	while (one(s))
		;
	_exit(0);
}

int
out_send_fork(
    const struct conf *conf, struct log *log, enum sandbox_mode mode, int *fd)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return -errno;
	if ((pid = fork()) == 0)
		run(conf, log, mode, pair[1]);
	close(pair[1]);
	if (pid == -1) {
		int e = -errno;

		close(pair[0]);
		return e;
	}
	*fd = pair[0];
	return 0;
}
