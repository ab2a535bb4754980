require "ihave";
fileinto "early";
if ihave "fileinto" { stop; }
