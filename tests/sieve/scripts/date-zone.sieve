require "date";
if date :zone "0900" "date" "hour" "09" { keep; }
