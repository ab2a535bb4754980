require ["ihave", "envelope", "variables", "fileinto"];
if ihave "envelope-dsn" { if envelope "notify" "success" { fileinto "dsn"; } }
elsif ihave "vnd.foo.environment" { set "x" "${foo.bar}"; set "foo.bar" "y"; }
else { fileinto "neither"; }
