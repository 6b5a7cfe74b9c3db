"""A typed, asynchronous client of a Banyan community's API.

async with Banyan("https://community.example") as client:
    await client.auth.sign_in(email="ada@example.org", password="correct horse battery")
    await client.posts.publish(body="Who has a ladder to lend?")
    async for post in client.posts.show_feed():
        print(post.author.display_name, post.body)
"""

from banyan_client.client import Banyan
from banyan_client.errors import BanyanError, FieldError, Problem, UnexpectedAnswer, Unreachable
from banyan_client.pages import Page, Pages
from banyan_client.retries import Retries
from banyan_client.tokens import MemoryStorage, Tokens, TokenStorage
from banyan_client.variants import Unknown

__all__ = [
    "Banyan",
    "BanyanError",
    "FieldError",
    "MemoryStorage",
    "Page",
    "Pages",
    "Problem",
    "Retries",
    "TokenStorage",
    "Tokens",
    "UnexpectedAnswer",
    "Unknown",
    "Unreachable",
]
