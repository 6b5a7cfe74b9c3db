"""The pages people open in a browser: landing, member page, API documentation, links from mails.

Static files without a build step. Their scripts speak only the HTTP API, as any other client does.
"""
