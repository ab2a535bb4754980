require "ihave";
if not ihave "fileinto" { error "fileinto is needed"; }
fileinto "later";
