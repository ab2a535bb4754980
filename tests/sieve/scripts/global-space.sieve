require ["include", "variables"];
global "x.y";
