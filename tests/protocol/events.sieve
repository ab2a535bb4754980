# IMAP events in Sieve: RFC 6785; connection 9 is IMAP

=== a script of a mailbox
<* OK
> PUTSCRIPT "mark" {{{+
require ["imapsieve", "environment", "imap4flags"];
if environment "imap.cause" ["APPEND", "COPY"] { addflag "Learnt"; }
}}}
< OK "Stored"
9 ok create Spam
9 ok setmetadata Spam (/shared/imapsieve/script "mark")
9 load INBOX three.mbox
9 ok select INBOX
9 ok fetch 1:* flags
! ${*} fetch (flags (${*}Learnt${*}))
9 ok copy 1,3 Spam
= [copyuid $v 1,3 1:2]
9 ok append Spam {2+}\r\nx\n
9 ok select Spam
* 3 exists
9 ok fetch 1:* flags
* 1 fetch (flags (\Recent Learnt))
* 2 fetch (flags (\Recent Learnt))
* 3 fetch (flags (\Recent Learnt))
# another session's change is told like any
9 ok uid fetch 1:* uid

=== that of the server, and a mailbox without one
<* OK
> PUTSCRIPT "all" {{{+
require ["imapsieve", "environment", "fileinto", "copy", "mailbox", "variables"];
if environment :matches "imap.mailbox" "*" { fileinto :create :copy "Log/${1}"; }
}}}
< OK "Stored"
9 ok create Quiet
9 ok setmetadata "" (/shared/imapsieve/script "all")
9 ok setmetadata Quiet (/shared/imapsieve/script "")
9 load INBOX three.mbox
9 ok select INBOX
9 ok copy 1:2 Quiet
9 ok status Log/INBOX (messages)
* status Log/INBOX (messages 3)
9 no status Log/Quiet (messages)
9 ok setmetadata "" (/shared/imapsieve/script NIL)
9 ok copy 1:2 INBOX
9 ok status Log/INBOX (messages)
* status Log/INBOX (messages 3)

=== changes of flags
<* OK
> PUTSCRIPT "flags" {{{+
require ["imapsieve", "environment", "imap4flags", "encoded-character"];
if allof (environment :contains "imap.changedflags" "${hex:5c}Flagged", hasflag "${hex:5c}Flagged") { addflag "Starred"; }
if allof (environment :contains "imap.changedflags" "${hex:5c}Flagged", not hasflag "${hex:5c}Flagged") { removeflag "Starred"; }
if environment "imap.changedflags" "${hex:5c}Seen" { setflag ["${hex:5c}Seen", "${hex:5c}Answered"]; }
}}}
< OK "Stored"
9 ok setmetadata INBOX (/shared/imapsieve/script "flags")
9 load INBOX three.mbox
9 ok select INBOX
9 ok store 2 +flags (\Flagged)
* 2 fetch (flags (\Flagged \Recent))
9 ok noop
* 2 fetch (flags (\Flagged Starred \Recent))
9 ok store 1:3 -flags.silent (\Flagged)
9 ok noop
* 2 fetch (flags (\Recent))
! 1 fetch ${*}
9 ok fetch 3 (flags body[])
* 3 fetch (flags (\Seen \Recent) body[] ${*})
9 ok noop
* 3 fetch (flags (\Seen \Answered \Recent))
only

=== discard and fileinto
<* OK
> PUTSCRIPT "away" {{{+
require ["imapsieve", "fileinto"];
if header :contains "subject" "2" { discard; } else { fileinto "Away"; fileinto "Nowhere"; }
}}}
< OK "Stored"
> PUTSCRIPT "file" {{{+
require ["imapsieve", "fileinto"];
fileinto "Away";
}}}
< OK "Stored"
9 ok create Away
9 ok create In
9 ok setmetadata In (/shared/imapsieve/script "file")
9 load INBOX three.mbox
9 ok select INBOX
9 ok move 1 In
9 ok select In
9 ok search deleted
* search 1
9 ok status Away (messages)
* status Away (messages 1)
# what cannot be filed is kept
9 ok setmetadata In (/shared/imapsieve/script "away")
9 ok append In {14+}\r\nsubject: 1\n\nx\n
9 ok append In {14+}\r\nsubject: 2\n\nx\n
9 ok search deleted
* search 1 3

=== scripts that cannot run
<* OK
> PUTSCRIPT "vacation" "require \"vacation\"; discard;"
< OK "Stored"
> PUTSCRIPT "envelope" "require \"envelope\"; if not envelope \"to\" \"x\" { discard; }"
< OK "Stored"
> PUTSCRIPT "broken" "discard"
< NO ${*}
9 ok setmetadata INBOX (/shared/imapsieve/script "vacation")
9 ok append INBOX {2+}\r\nx\n
9 ok setmetadata INBOX (/shared/imapsieve/script "envelope")
9 ok append INBOX {2+}\r\nx\n
9 ok setmetadata INBOX (/shared/imapsieve/script "broken")
9 ok append INBOX {2+}\r\nx\n
9 ok setmetadata INBOX (/shared/imapsieve/script "../active")
9 ok append INBOX {2+}\r\nx\n
9 ok select INBOX
* 4 exists
9 ok search deleted
* search
