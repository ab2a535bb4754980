require ["ihave", "variables"];
set "name" "copy";
if ihave "${name}" { stop; }
