require ["duplicate", "fileinto", "mailbox"];
if duplicate :seconds 0 { fileinto :create "again"; } else { fileinto :create "first"; }
