require ["duplicate", "fileinto", "mailbox"];
if duplicate :uniqueid "10" :handle "other" :last { fileinto :create "again"; } else { fileinto :create "first"; }
