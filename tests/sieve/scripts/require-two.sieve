require ["fileinto", "envelope"];
require "copy";
keep;
