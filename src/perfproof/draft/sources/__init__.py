"""What a draft is made from: OpenAPI, HAR, k6, curl, Locust."""
