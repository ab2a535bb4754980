require ["include", "variables", "fileinto", "copy", "foreverypart", "mime", "editheader", "mailbox"];
global "seen";
if header :contains "Content-Type" "text/plain" { set "seen" "${seen}p"; }
if exists "Subject" { set "seen" "${seen}s"; }
foreverypart {
	if header :mime :matches :contenttype "Content-Type" "*" { set "seen" "${seen}(${1})"; }
}
if header :contains "Content-Type" "text/html" {
	fileinto :create :copy "html";
	addheader "X-Seen" "html";
	if not header :contains "Content-Type" "text/html" { set "seen" "${seen}!"; }
}
