"""One exchange with a server: requests as bytes, connections, TLS, cookies, redirects, and what responses must be."""
