require ["ihave", "fileinto"];
if anyof (ihave "variables", ihave "encoded-character") { fileinto "one"; } else { fileinto "neither"; }
