require ["ihave", "fileinto"];
if anyof (true, nothing "of" "that" "name") { fileinto "taken"; }
if allof (ihave "vnd.example.nothing", nothing "of" "that" "name") { fileinto "nothing"; }
