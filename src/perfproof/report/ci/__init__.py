"""A gate's outcome for GitHub, GitLab and Prometheus."""
