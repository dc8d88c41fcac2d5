//! The one HTTP client of Ick: typed calls, tokens, retries.
