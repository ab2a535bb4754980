require ["ihave", "fileinto"];
if ihave "copy" { fileinto :copy "ihave"; } else { fileinto "else"; }
if not ihave "vnd.example.nothing" { keep; } else { fileinto "else"; }
