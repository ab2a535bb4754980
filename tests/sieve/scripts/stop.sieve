require "fileinto";
fileinto "before";
if true { stop; }
fileinto "behind";
