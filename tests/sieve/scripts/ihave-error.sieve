require "ihave";
if not ihave "vnd.example.nothing" { error "no way without it"; }
