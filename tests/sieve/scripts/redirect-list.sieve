require "extlists";
redirect :list "tag:example.com,2009-05-28:friends";
