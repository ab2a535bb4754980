#include "proc/pop3_conf.h"

#include "proc/settings.h"

struct pop3_settings
pop3_conf(const struct conf *c)
{
	uint64_t days = conf_num(c, "pop3", NULL, "expire");

	return (struct pop3_settings){
		.mark_seen = conf_bool(c, "pop3", NULL, "mark-seen"),
		.hide_seen = conf_bool(c, "pop3", NULL, "hide-seen"),
		.exclusive = conf_bool(c, "pop3", NULL, "exclusive"),
		.expire_days = days == 0 ? POP3_EXPIRE_NEVER : (uint32_t)days,
		.xtnd_xmit = conf_bool(c, "pop3", NULL, "xtnd-xmit") &&
		    settings_can_send(c),
		.login_delay_s =
		    (uint32_t)(conf_num(c, "pop3", NULL, "login-delay") / 1000),
	};
}
