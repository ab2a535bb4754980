require "editheader";
addheader "X-Field: x" "y";
