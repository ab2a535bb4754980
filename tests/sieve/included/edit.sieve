require ["editheader", "include", "variables"];
if exists "X-First" { addheader "X-Second" "2"; }
deleteheader "X-Tag";
