require ["include", "variables"];
global "count";
set "count" "${count}x";
return;
set "count" "never";
