"""What Alpha Vantage says in place of data; the words of our own, with the phrases that clients tell them by."""

NO_KEY = "the parameter apikey is invalid or missing. Please claim your free API key."
BURST = (
    "Please consider spreading out your free API requests more sparingly (1 request per second). The free plan has a "
    "standard API rate limit of 25 requests per day."
)
QUOTA = "We have detected your API key as {key} and our standard API rate limit is 25 requests per day."
PREMIUM = "This is a premium endpoint. You may subscribe to any of the premium plans to unlock all premium endpoints."
INVALID = "Invalid API call. Please retry or visit the documentation for {function}."
