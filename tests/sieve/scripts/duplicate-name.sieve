require ["duplicate", "variables"];
set "name" "X Y:";
if anyof (duplicate :header "bad name", duplicate :header "", duplicate :header "${name}") { discard; }
