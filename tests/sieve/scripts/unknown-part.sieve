require "envelope";
if envelope "notify" "success" { discard; }
