require "vacation";
vacation :from "nobody" "Gone.";
