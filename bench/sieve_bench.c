/*
 * What a Sieve script costs: compiling it, and running it over a message. A
 * hundred rules of the kinds that web clients write, none of which but the last
 * matches, so that all are asked; one program, many messages.
 *
 *     sieve_bench [RULES [MESSAGES]]
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/num.h"
#include "sieve/sieve.h"

static const char message[] =
    "Return-Path: <bounce-1234@lists.example.org>\r\n"
    "Received: from mx.example.net (mx.example.net [192.0.2.7])\r\n"
    "\tby mail.example.com with ESMTPS id 4XyZ1s2qM0z9\r\n"
    "\tfor <user@example.com>; Wed, 28 Jun 2006 23:30:07 -0700 (PDT)\r\n"
    "Received: from host.example.org (host.example.org [198.51.100.23])\r\n"
    "\tby mx.example.net with ESMTP id 17A9B2C;\r\n"
    "\tWed, 28 Jun 2006 23:30:05 -0700 (PDT)\r\n"
    "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=sel;\r\n"
    "\th=from:to:subject:date; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NM=;\r\n"
    "\tb=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZ\r\n"
    "Message-ID: <20060629063005.17A9B2C@host.example.org>\r\n"
    "Date: Wed, 28 Jun 2006 23:30:05 -0700\r\n"
    "From: \"Some One\" <someone@example.org>\r\n"
    "To: A List <list@lists.example.org>, user@example.com\r\n"
    "Cc: third@example.net\r\n"
    "Subject: =?utf-8?q?Re=3A_The_caf=C3=A9_on_the_corner?=\r\n"
    "List-Id: A List <list.lists.example.org>\r\n"
    "List-Unsubscribe: <mailto:list-leave@lists.example.org>\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: 8bit\r\n"
    "User-Agent: Mailer 1.0\r\n"
    "X-Spam-Status: No, score=-1.9\r\n"
    "\r\n"
    "Hello,\r\n\r\nthis is a message.\r\n";

static void
put_rule(struct buf *b, unsigned i)
{
	switch (i % 8) {
	case 0:
		buf_printf(
		    b, "if header :contains \"subject\" \"topic %u\"", i);
		break;
	case 1:
		buf_printf(b,
		    "if address :is :all \"from\" \"person%u@example.net\"", i);
		break;
	case 2:
		buf_printf(
		    b, "if header :is \"list-id\" \"list%u.example\"", i);
		break;
	case 3:
		buf_printf(b,
		    "if anyof (header :matches \"subject\" \"[tag%u]*\", "
		    "header "
		    ":contains [\"to\", \"cc\"] \"alias%u@example.com\")",
		    i, i);
		break;
	case 4:
		buf_printf(b,
		    "if allof (address :domain [\"from\", \"sender\"] "
		    "\"domain%u.example\", size :over 10K)",
		    i);
		break;
	case 5:
		buf_printf(b, "if envelope :localpart \"from\" \"robot%u\"", i);
		break;
	case 6:
		buf_printf(b, "if exists [\"x-flag-%u\", \"x-other\"]", i);
		break;
	default:
		buf_printf(b,
		    "if allof (not header :contains \"x-spam-status\" \"No\", "
		    "header :contains [\"subject\", \"from\"] [\"offer%u\", "
		    "\"prize%u\"])",
		    i, i);
		break;
	}
	buf_printf(b,
	    " {\r\n\taddflag \"\\\\Seen\";\r\n\tfileinto \"Folder.%u\";\r\n"
	    "\tstop;\r\n}\r\n",
	    i);
}

/* Processor time of this process: others may be busy too. */
static uint64_t
cpu_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t
argument(int argc, char **argv, int i, uint64_t or_else)
{
	uint64_t v;

	if (i < argc && num_parse(view_str(argv[i]), 1000000000, &v) && v > 0)
		return v;
	return or_else;
}

static void
bench_compile(struct view script, uint64_t times)
{
	static struct sieve_errors errors;
	uint64_t start = cpu_us();

	for (uint64_t i = 0; i < times; i++) {
		struct sieve_program *p;

		if (!sieve_compile(script, NULL, &p, &errors)) {
			(void)fprintf(stderr, "%u:%u %s\n", errors.e[0].line,
			    errors.e[0].column, errors.e[0].text);
			exit(1);
		}
		sieve_free(&p);
	}
	(void)printf("compile %.2f us (%zu bytes)\n",
	    (double)(cpu_us() - start) / (double)times, script.n);
}

static void
bench_run(const struct sieve_program *p, uint64_t times)
{
	struct sieve_env env = {
		.message = view_str(message),
		.from = VIEW_LIT("bounce-1234@lists.example.org"),
		.to = VIEW_LIT("user@example.com"),
		.now = 1151528707,
	};
	uint64_t start = cpu_us(), cost = 0;

	for (uint64_t i = 0; i < times; i++) {
		struct sieve_result r;

		sieve_run(p, &env, &r);
		cost = r.cost;
		sieve_result_fini(&r);
	}
	(void)printf("run %.2f us per message (cost %llu)\n",
	    (double)(cpu_us() - start) / (double)times,
	    (unsigned long long)cost);
}

int
main(int argc, char **argv)
{
	unsigned rules = (unsigned)argument(argc, argv, 1, 100);
	uint64_t times = argument(argc, argv, 2, 20000);
	static struct sieve_errors errors;
	AUTO_BUF struct buf b = BUF_INIT(SIEVE_SCRIPT_MAX);
	struct sieve_program *p;

	buf_put_str(
	    &b, "require [\"fileinto\", \"envelope\", \"imap4flags\"];\r\n");
	for (unsigned i = 0; i < rules; i++)
		put_rule(&b, i);
	bench_compile(buf_view(&b), times / 20 + 1);
	if (!sieve_compile(buf_view(&b), NULL, &p, &errors))
		return 1;
	(void)printf("%u rules: ", rules);
	bench_run(p, times);
	sieve_free(&p);
	return 0;
}
