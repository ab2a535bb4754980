require ["duplicate", "fileinto", "mailbox"];
if duplicate :header "X-Event-ID" { fileinto :create "again"; } else { fileinto :create "first"; }
