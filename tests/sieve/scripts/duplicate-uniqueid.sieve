require ["duplicate", "fileinto", "mailbox"];
if duplicate :uniqueid "10" { fileinto :create "again"; } else { fileinto :create "first"; }
