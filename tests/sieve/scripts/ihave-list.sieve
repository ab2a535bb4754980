require "ihave";
if not ihave ["fileinto", "vnd.example.nothing"] { fileinto "list"; }
