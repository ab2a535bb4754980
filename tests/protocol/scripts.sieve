# ManageSieve after login: RFC 5804 section 2

=== greeting and capability
< "IMPLEMENTATION" "fumi"
< "SIEVE" "${*}fileinto${*}"
<* "SASL" "${*}"
<* "VERSION" "1.0"
< OK
> CAPABILITY
< "IMPLEMENTATION" "fumi"
<* "MAXREDIRECTS" "4"
<* OK
> capability x
< NO ${*}

=== logout
<* OK
> LOGOUT
< OK "Good bye"
closed

=== noop
<* OK
> NOOP
< OK "Done"
> NOOP "STARTTLS-SYNC-42"
< OK (TAG "STARTTLS-SYNC-42") "Done"
> NOOP {3+}\r\na"b
< OK (TAG "a\"b") "Done"
> NOOP 5
< NO ${*}
> NOOP "a" "b"
< NO ${*}

=== put, list and get
<* OK
> LISTSCRIPTS
< OK
> PUTSCRIPT "foo" {7+}\r\nkeep;\r\n
< OK "Stored"
> PUTSCRIPT {3+}\r\nbar "stop;"
< OK "Stored"
> LISTSCRIPTS
< "bar"
< "foo"
< OK
> GETSCRIPT "foo"
< "keep;\r\n"
< OK
> GETSCRIPT {3+}\r\nbar
< "stop;"
< OK
> GETSCRIPT "baz"
< NO (NONEXISTENT) ${*}
> PUTSCRIPT "foo" {8+}\r\ndiscard;
< OK "Stored"
> GETSCRIPT "foo"
< "discard;"
< OK

=== a script that does not compile
<* OK
> PUTSCRIPT "foo" "keep;"
< OK "Stored"
> PUTSCRIPT "foo" {31+}\r\n#comment\r\nInvalidSieveCommand\r\n
< NO "line 3, column 1: ${*}"
> GETSCRIPT "foo"
< "keep;"
< OK
> PUTSCRIPT "new" {4+}\r\nkeep
< NO "line 1, column ${*}"
# RFC 5228 section 8.2: no command is a script, too
> CHECKSCRIPT ""
< OK ${*}
> LISTSCRIPTS
< "foo"
< OK

=== checkscript
<* OK
> CHECKSCRIPT {7+}\r\nkeep;\r\n
< OK ${*}
> CHECKSCRIPT "kep;"
< NO "line 1, column ${*}"
> CHECKSCRIPT {31+}\r\nrequire "nosuch";\r\nrequire "x";
< NO "line ${*}"
> CHECKSCRIPT
< NO ${*}
> LISTSCRIPTS
< OK

=== setactive
<* OK
> PUTSCRIPT "a" "keep;"
< OK "Stored"
> PUTSCRIPT "b" "stop;"
< OK "Stored"
> SETACTIVE ""
< OK
> SETACTIVE "c"
< NO (NONEXISTENT) ${*}
> SETACTIVE "a"
< OK
> LISTSCRIPTS
< "a" ACTIVE
< "b"
< OK
> SETACTIVE "b"
< OK
> LISTSCRIPTS
< "a"
< "b" ACTIVE
< OK
> SETACTIVE ""
< OK
> LISTSCRIPTS
< "a"
< "b"
< OK

=== deletescript
<* OK
> PUTSCRIPT "a" "keep;"
< OK "Stored"
> SETACTIVE "a"
< OK
> DELETESCRIPT "a"
< NO (ACTIVE) ${*}
> DELETESCRIPT "c"
< NO (NONEXISTENT) ${*}
> SETACTIVE ""
< OK
> DELETESCRIPT "a"
< OK "Deleted"
> LISTSCRIPTS
< OK

=== renamescript
<* OK
> PUTSCRIPT "a" "keep;"
< OK "Stored"
> PUTSCRIPT "b" "stop;"
< OK "Stored"
> SETACTIVE "a"
< OK
> RENAMESCRIPT "c" "d"
< NO (NONEXISTENT) ${*}
> RENAMESCRIPT "a" "b"
< NO (ALREADYEXISTS) ${*}
> RENAMESCRIPT "a" "休暇"
< OK "Renamed"
> RENAMESCRIPT "b" "../../b"
< OK "Renamed"
> LISTSCRIPTS
< "../../b"
< "休暇" ACTIVE
< OK
> GETSCRIPT "休暇"
< "keep;"
< OK

=== havespace
<* OK
> HAVESPACE "a" 1048576
< OK
> HAVESPACE "a" 1048577
< NO (QUOTA/MAXSIZE) ${*}
> HAVESPACE "a" 4294967295
< NO (QUOTA/MAXSIZE) ${*}
> HAVESPACE "a" 4294967296
< NO "Wrong arguments"
> HAVESPACE "a" 01
< NO "Wrong arguments"
> HAVESPACE "a"
< NO "Wrong arguments"
> HAVESPACE "" 1
< NO ${*}

=== names
<* OK
> PUTSCRIPT "" "keep;"
< NO ${*}
> PUTSCRIPT {3+}\r\na\nb "keep;"
< NO ${*}
> PUTSCRIPT "${x*512}" "keep;"
< OK "Stored"
> PUTSCRIPT "${x*513}" "keep;"
< NO ${*}
> PUTSCRIPT "a\\"b\\\\c" "keep;"
< OK "Stored"
> LISTSCRIPTS
< "a\"b\\c"
< "${*}"
< OK
> SETACTIVE "a\x7fb"
< NO ${*}
> PUTSCRIPT "\xff\xfe" "keep;"
< NO ${*}

=== limits
<* OK
> PUTSCRIPT "a" {1048577+}\r\n${\n*1048577}
< NO (QUOTA/MAXSIZE) ${*}
> PUTSCRIPT "a" {3000000+}\r\n${\n*3000000}
< NO (QUOTA/MAXSIZE) ${*}
> PUTSCRIPT "a" {1048576+}\r\n${\n*1048576}
< OK "Stored"
> NOOP "${x*1024}"
< OK (TAG "${*}") "Done"
> NOOP "${x*1025}"
< NO "Wrong arguments"
> NOOP ${ *9000}
< NO "The command is too long"
> NOOP
< OK "Done"

=== what is swallowed is no command
<* OK
> PUTSCRIPT "a" {3000008+}\r\n\r\nLOGOUT${\n*3000000} {3+}\r\nabc
< NO (QUOTA/MAXSIZE) ${*}
> NOOP
< OK "Done"

=== a flood
<* OK
> PUTSCRIPT "a" {4000000000+}
< BYE ${*}
closed

=== not after login
<* OK
> AUTHENTICATE "PLAIN" "AGFubmEAc2VjcmV0"
< NO "Not after login"
> STARTTLS
< NO "Not after login"
> UNAUTHENTICATE
< NO "Unknown command"

=== malformed
<* OK
> 
< NO "Unknown command"
> LISTSCRIPTS x
< NO "Wrong arguments"
> GETSCRIPT foo
< NO "Wrong arguments"
> GETSCRIPT "foo
< NO "Wrong arguments"
> GETSCRIPT"foo"
< NO "Unknown command"
> PUTSCRIPT "a" {3}
< NO "Wrong arguments"
> GETSCRIPT "a\0b"
< NO "Wrong arguments"
> RENAMESCRIPT "a"
< NO "Wrong arguments"

=== too many errors
<* OK
> ${FOO\r\n*20}FOO
<* BYE "Too many errors"
closed

=== pipelined
<* OK
> PUTSCRIPT "a" "keep;"\r\nSETACTIVE "a"\r\nLISTSCRIPTS\r\nGETSCRIPT "a"\r\nLOGOUT\r\nNOOP
< OK "Stored"
< OK
< "a" ACTIVE
< OK
< "keep;"
< OK
< OK "Good bye"
closed

=== two sessions
<* OK
2 <* OK
> PUTSCRIPT "a" "keep;"
< OK "Stored"
2 > SETACTIVE "a"
2 < OK
> DELETESCRIPT "a"
< NO (ACTIVE) ${*}
2 > RENAMESCRIPT "a" "b"
2 < OK "Renamed"
> LISTSCRIPTS
< "b" ACTIVE
< OK
