"""Where the time of requests goes: one engine per kind of service, one form of what they find."""
