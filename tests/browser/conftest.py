"""The browser, and a page in it."""

from servers import chromium, page

__all__ = ["chromium", "page"]
