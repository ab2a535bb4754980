require ["fileinto"];
if header :is "List-ID" "sieve.ietf.org"
{
	fileinto "lists.sieve";
}
