"""What is raised where a platform lacks a service."""


class ServiceMissing(Exception):
    """One sentence for the user: what is missing and which setting replaces it."""
