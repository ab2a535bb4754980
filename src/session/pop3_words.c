#include "session/pop3_words.h"

/*
 * What the gate needs too: this file knows no store.
 */

static const char *const texts[POP3_TEXTS][POP3_LANGUAGES] = {
	[POP3_TEXT_UNKNOWN] = { "Unknown command",
	    "そのような命令はありません" },
	[POP3_TEXT_ARGUMENTS] = { "Wrong arguments", "引数が正しくありません" },
	[POP3_TEXT_TOO_LONG] = { "Line too long", "行が長すぎます" },
	[POP3_TEXT_BEFORE] = { "Not after login",
	    "ログインの後には使えません" },
	[POP3_TEXT_NO_MESSAGE] = { "No such message",
	    "そのようなメールはありません" },
	[POP3_TEXT_IS_DELETED] = { "That message is marked for deletion",
	    "そのメールには削除の印が付いています" },
	[POP3_TEXT_GONE] = { "[SYS/TEMP] That message was removed meanwhile",
	    "[SYS/TEMP] そのメールはすでに取り除かれました" },
	[POP3_TEXT_LOST] = { "[SYS/PERM] That message cannot be read",
	    "[SYS/PERM] そのメールは読み出せません" },
	[POP3_TEXT_DELETED] = { "Marked for deletion", "削除の印を付けました" },
	[POP3_TEXT_RESET] = { "Nothing is marked for deletion",
	    "削除の印をすべて外しました" },
	[POP3_TEXT_CAPABILITIES] = { "Capabilities follow", "機能の一覧です" },
	[POP3_TEXT_LANGUAGES] = { "Languages follow", "言語の一覧です" },
	[POP3_TEXT_LANGUAGE] = { "This is the language now",
	    "言語を切り替えました" },
	[POP3_TEXT_NO_LANGUAGE] = { "There is no such language",
	    "その言語はありません" },
	[POP3_TEXT_NOTHING] = { "Nothing was to be done",
	    "何もしませんでした" },
	[POP3_TEXT_BYE] = { "Good bye", "さようなら" },
	[POP3_TEXT_NOT_REMOVED] = { "[SYS/TEMP] Nothing was removed, try again",
	    "[SYS/TEMP] 何も取り除かれませんでした" },
	[POP3_TEXT_NO_ACCOUNT] = { "[SYS/TEMP] The maildrop cannot be opened",
	    "[SYS/TEMP] メールボックスを開けません" },
	[POP3_TEXT_IN_USE] = { "[IN-USE] Another session has the maildrop",
	    "[IN-USE] メールボックスは使用中です" },
	[POP3_TEXT_TOO_SOON] = { "[LOGIN-DELAY] Too soon after the last login",
	    "[LOGIN-DELAY] 前回のログインから間がありません" },
	[POP3_TEXT_TOO_MANY] = { "Too many errors", "誤りが多すぎます" },
	[POP3_TEXT_MESSAGES] = { "messages", "通" },
	[POP3_TEXT_TOP] = { "Top of message", "メールの始まり" },
	[POP3_TEXT_XMIT_SEND] = { "Send the message, a line with a dot ends it",
	    "メールを送ってください。点だけの行が終わりです" },
	[POP3_TEXT_XMIT_SENT] = { "The message will be sent",
	    "メールを預かりました" },
	[POP3_TEXT_XMIT_NO_WAY] = { "[SYS/PERM] Mail cannot be sent from here",
	    "[SYS/PERM] ここからはメールを送れません" },
	[POP3_TEXT_XMIT_NOBODY] = { "The message names no recipient",
	    "宛先がありません" },
	[POP3_TEXT_XMIT_MANY] = { "The message has too many recipients",
	    "宛先が多すぎます" },
	[POP3_TEXT_XMIT_ADDRESS] = { "An address of the message is none that "
				     "mail can be sent to",
	    "送れない宛先があります" },
	[POP3_TEXT_XMIT_LARGE] = { "The message is too large",
	    "メールが大きすぎます" },
	[POP3_TEXT_XMIT_LATER] = { "[SYS/TEMP] The message cannot be taken "
				   "now, try again",
	    "[SYS/TEMP] 今は預かれません。後で試してください" },
	[POP3_TEXT_XMIT_REFUSED] = { "[SYS/PERM] The message is refused",
	    "[SYS/PERM] メールは断られました" },
};

static const struct {
	const char *tag, *name;
} languages[POP3_LANGUAGES] = {
	[POP3_ENGLISH] = { "en", "English" },
	[POP3_JAPANESE] = { "ja", "日本語" },
};

const char *
pop3_text(enum pop3_text text, enum pop3_language language)
{
	return texts[text][language];
}

const char *
pop3_language_tag(enum pop3_language language)
{
	return languages[language].tag;
}

const char *
pop3_language_name(enum pop3_language language)
{
	return languages[language].name;
}

bool
pop3_language_find(struct view range, enum pop3_language *language)
{
	struct view first = range;

	if (view_eq(range, VIEW_LIT("*")) ||
	    view_eq_ci(range, VIEW_LIT("i-default"))) {
		*language = POP3_ENGLISH;
		return true;
	}
	/* "ja-JP" is Japanese too (lookup, RFC 4647 section 3.4) */
	for (first.n = 0; first.n < range.n && range.p[first.n] != '-';)
		first.n++;
	for (int i = 0; i < POP3_LANGUAGES; i++)
		if (view_eq_ci(first, view_str(languages[i].tag))) {
			*language = (enum pop3_language)i;
			return true;
		}
	return false;
}

void
pop3_capabilities_put(
    struct buf *b, const struct pop3_settings *set, bool before)
{
	(void)before; /* the same for every user: nothing differs */
	buf_put_str(b,
	    "TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n"
	    "PIPELINING\r\n");
	if (set->password)
		buf_put_str(b, "USER\r\n");
	if (set->mechanisms.n > 0) {
		buf_put_str(b, "SASL ");
		buf_put(b, set->mechanisms);
		buf_put_str(b, "\r\n");
	}
	if (set->starttls)
		buf_put_str(b, "STLS\r\n");
	buf_put_str(b, "EXPIRE ");
	if (set->expire_days == POP3_EXPIRE_NEVER)
		buf_put_str(b, "NEVER");
	else
		buf_put_dec(b, set->expire_days);
	if (set->login_delay_s > 0) {
		buf_put_str(b, "\r\nLOGIN-DELAY ");
		buf_put_dec(b, set->login_delay_s);
	}
	buf_put_str(b, "\r\nUTF8 USER\r\nLANG\r\n");
	if (set->xtnd_xmit) /* no RFC has a name for it (RFC 2449 section 9) */
		buf_put_str(b, "X-XTND-XMIT\r\n");
	buf_put_str(b, "IMPLEMENTATION fumi\r\n");
}
