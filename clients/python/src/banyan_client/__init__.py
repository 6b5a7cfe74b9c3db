"""A typed, asynchronous client of a Banyan community's API.

async with Banyan("https://community.example") as client:
    await client.auth.sign_in(email="ada@example.org", password="correct horse battery")
    await client.posts.publish(body="Who has a ladder to lend?")
    async for post in client.posts.show_feed():
        print(post.author.display_name, post.body)
"""

from banyan_client.client import Banyan
from banyan_client.errors import BanyanError, FieldError, Problem, SocketEnded, UnexpectedAnswer, Unreachable
from banyan_client.pages import Page, Pages
from banyan_client.retries import Reconnects, Retries
from banyan_client.subscription import Dropped, Event, Joined, News, Place, Subscription
from banyan_client.tokens import MemoryStorage, Tokens, TokenStorage
from banyan_client.topics import Socket
from banyan_client.variants import Unknown

__all__ = [
    "Banyan",
    "BanyanError",
    "Dropped",
    "Event",
    "FieldError",
    "Joined",
    "MemoryStorage",
    "News",
    "Page",
    "Pages",
    "Place",
    "Problem",
    "Reconnects",
    "Retries",
    "Socket",
    "SocketEnded",
    "Subscription",
    "TokenStorage",
    "Tokens",
    "UnexpectedAnswer",
    "Unknown",
    "Unreachable",
]
