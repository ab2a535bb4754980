require "date";
if date :zone "+0900" :originalzone "date" "hour" "09" { keep; }
