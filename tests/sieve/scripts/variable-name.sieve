require "variables";
set "vnd.example.x" "1";
