require "variables";
set "mine" "2";
