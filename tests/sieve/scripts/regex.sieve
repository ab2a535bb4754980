require "regex";
if header :regex "to" "(" { discard; }
