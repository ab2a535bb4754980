require ["duplicate", "fileinto", "mailbox"];
if duplicate { fileinto :create "again"; } else { fileinto :create "first"; }
