if address :is "from" "boss@example.com"
{
	keep;
	stop;
}
elsif address :is "from" "ceo@example.com"
{
	keep;
}
