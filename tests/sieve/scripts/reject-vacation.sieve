require ["reject", "vacation"];
vacation "Gone.";
reject "no";
