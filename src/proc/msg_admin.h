#ifndef PROC_MSG_ADMIN_H
#define PROC_MSG_ADMIN_H

#include "proc/msg.h"

/*
 * command <-> auth over the socket run/auth.sock (SOCK_SEQPACKET): changes to
 * the directory. Only root and auth's own user are heard (SO_PEERCRED); all
 * others are closed at once.
 *
 *   command -> auth  ADD, REMOVE, SECRET, DISABLE, SERVICES  a change, kept
 *                    until COMMIT
 *   command -> auth  COMMIT  make all of them, in order, or none
 *   auth -> command  RESULT  of the COMMIT
 *   command -> auth  LIST    some accounts in order of their names
 *   auth -> command  ROW     one for each
 *   auth -> command  END     of these rows
 *
 * Passwords never go over this socket: the command makes what is stored.
 */
enum msg_admin_type {
	MSG_ADMIN_ADD = 0x0701,
	MSG_ADMIN_REMOVE = 0x0702,
	MSG_ADMIN_SECRET = 0x0703,
	MSG_ADMIN_DISABLE = 0x0704,
	MSG_ADMIN_COMMIT = 0x0705,
	MSG_ADMIN_LIST = 0x0706,
	MSG_ADMIN_SERVICES = 0x0707,
	MSG_ADMIN_RESULT = 0x0781,
	MSG_ADMIN_ROW = 0x0782,
	MSG_ADMIN_END = 0x0783,
};

#define MSG_ADMIN_CHANGES_MAX 10000     /* before one COMMIT */
#define MSG_ADMIN_BYTES_MAX (16u << 20) /* of all of them */
#define MSG_ADMIN_ROWS_MAX 64           /* for one LIST */
#define MSG_ADMIN_CALLERS_MAX 16
#define MSG_ADMIN_PASSWORD_MAX 640 /* bytes of a stored password */
#define MSG_ADMIN_SCRAM_MAX 256    /* bytes of SCRAM keys as text */

/* Stored forms (auth/password.h, scram_keys_text()); empty: there is none. */
struct msg_admin_secret {
	struct view password, sha256, sha1;
};
#define MSG_ADMIN_SECRET_SIZE                                                  \
	(3 * 4 + MSG_ADMIN_PASSWORD_MAX + 2 * MSG_ADMIN_SCRAM_MAX)

struct msg_admin_add {
	struct view name;
	bool has_uid; /* that of a local user */
	uint32_t uid, gid;
	struct msg_admin_secret secret;
};
#define MSG_ADMIN_ADD_MAX (4 + MSG_ACCOUNT_MAX + 1 + 8 + MSG_ADMIN_SECRET_SIZE)
void msg_admin_add_put(struct buf *b, const struct msg_admin_add *m);
bool msg_admin_add_get(struct wire *w, struct msg_admin_add *m) A_MUST_USE;

#define MSG_ADMIN_REMOVE_MAX (4 + MSG_ACCOUNT_MAX)
void msg_admin_remove_put(struct buf *b, struct view name);
bool msg_admin_remove_get(struct wire *w, struct view *name) A_MUST_USE;

struct msg_admin_set_secret {
	struct view name;
	struct msg_admin_secret secret;
};
#define MSG_ADMIN_SET_SECRET_MAX (4 + MSG_ACCOUNT_MAX + MSG_ADMIN_SECRET_SIZE)
void msg_admin_set_secret_put(
    struct buf *b, const struct msg_admin_set_secret *m);
bool msg_admin_set_secret_get(struct wire *w, struct msg_admin_set_secret *m)
    A_MUST_USE;

struct msg_admin_disable {
	struct view name;
	bool disabled; /* false: enable it again */
};
#define MSG_ADMIN_DISABLE_MAX (4 + MSG_ACCOUNT_MAX + 1)
void msg_admin_disable_put(struct buf *b, const struct msg_admin_disable *m);
bool msg_admin_disable_get(struct wire *w, struct msg_admin_disable *m)
    A_MUST_USE;

struct msg_admin_services {
	struct view name;
	uint32_t services; /* bits, as in auth/directory.h */
};
#define MSG_ADMIN_SERVICES_MAX (4 + MSG_ACCOUNT_MAX + 4)
void msg_admin_services_put(struct buf *b, const struct msg_admin_services *m);
bool msg_admin_services_get(struct wire *w, struct msg_admin_services *m)
    A_MUST_USE;

/* COMMIT, END: no fields. */
void msg_admin_plain_put(struct buf *b, enum msg_admin_type type);

enum msg_admin_code {
	MSG_ADMIN_OK = 0,
	MSG_ADMIN_UNKNOWN = 1, /* no such account */
	MSG_ADMIN_EXISTS = 2,  /* the name is taken */
	MSG_ADMIN_NAME = 3,    /* that is no name */
	MSG_ADMIN_FAILED = 4,  /* anything else, see text */
};
struct msg_admin_result {
	uint32_t index; /* of the change that failed, from 0; OK: how many */
	uint8_t code;   /* enum msg_admin_code */
	struct view text;
};
#define MSG_ADMIN_RESULT_MAX (4 + 1 + 4 + MSG_TEXT_MAX)
void msg_admin_result_put(struct buf *b, const struct msg_admin_result *m);
bool msg_admin_result_get(struct wire *w, struct msg_admin_result *m)
    A_MUST_USE;

#define MSG_ADMIN_LIST_MAX (4 + MSG_ACCOUNT_MAX)
/* after: the name before the first row; empty: from the start. */
void msg_admin_list_put(struct buf *b, struct view after);
bool msg_admin_list_get(struct wire *w, struct view *after) A_MUST_USE;

struct msg_admin_row {
	struct view name;
	uint32_t uid, gid;
	struct view path; /* below accounts/ */
	bool disabled;
	uint32_t services;
	uint64_t created; /* seconds since 1970 */
};
#define MSG_ADMIN_PATH_MAX 600
#define MSG_ADMIN_ROW_MAX                                                      \
	(4 + MSG_ACCOUNT_MAX + 8 + 4 + MSG_ADMIN_PATH_MAX + 1 + 4 + 8)
void msg_admin_row_put(struct buf *b, const struct msg_admin_row *m);
bool msg_admin_row_get(struct wire *w, struct msg_admin_row *m) A_MUST_USE;

#endif
