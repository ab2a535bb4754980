require ["ihave", "variables"];
set "foo.bar" "x";
