require ["include", "variables"];
global "a";
set "a" "1";
global ["a", "b"];
keep;
