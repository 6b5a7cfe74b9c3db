"""How methods and types are called, made from the document's own words."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

# These have no plural of their own; nor do words on -ed, such as `saved`.
_UNCOUNTED = frozenset({"audit", "people", "me", "sync"})
_SINGULARS = {"people": "person"}
# A verb that ends in one of these names no object yet: `turn_off`.
_PARTICLES = frozenset({"again", "back", "down", "in", "off", "on", "out", "up"})


def method_names(operations: Iterable[tuple[str, str, str]]) -> Mapping[str, str]:
    """Names within one tag by operation id; an operation is its id, its tag and its resource.

    `posts`: `post_publish` is `publish`, `comment_edit` is `edit_comment`, `block_list` is `list_blocks`.
    Raises ValueError where two operations cannot be told apart.
    """
    found = []
    for operation, tag, resource in operations:
        function, noun = operation.removeprefix(f"{resource}_"), _noun(resource, tag)
        found.append((operation, function, noun, _name(function, noun, tag)))
    short = Counter(name for *_, name in found)
    names: dict[str, str] = {}
    for operation, function, noun, name in found:
        # The tag's own resource keeps the short name, whatever else is added to the tag later.
        if short[name] > 1 and noun:
            name = f"{function}_{noun}"
        if name in names.values():
            raise ValueError(f"{operation}: two methods would be called {name}; rename the route's function")
        names[operation] = name
    return names


def _noun(resource: str, tag: str) -> str:
    """What the resource adds to its tag; empty where the two are the same."""
    for own in (tag, singular(tag)):
        if resource == own:
            return ""
        if resource.startswith(f"{own}_"):
            return resource.removeprefix(f"{own}_")
    return resource


def _name(function: str, noun: str, tag: str) -> str:
    if not noun:
        return function
    if function == "list":
        return f"list_{_plural(noun)}"
    verb, _, last = function.rpartition("_")
    # Whose posts `list_posts` lists among the calls of `posts` has to be said.
    if verb and last == tag:
        return f"{verb}_{noun}_{last}"
    # `create_first_admin` names its object; `unblock` does too.
    if (verb and last not in _PARTICLES) or function.endswith(noun):
        return function
    return f"{function}_{_SINGULARS.get(noun, noun)}"


def singular(word: str) -> str:
    """Of a word that ends in -s; any other stays."""
    return word.removesuffix("s")


def _plural(word: str) -> str:
    if word.rpartition("_")[2] in _UNCOUNTED or word.endswith(("s", "ed")):
        return word
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("x", "ch", "sh")) else "s")


def pascal(name: str) -> str:
    """`profile_feed` and `Dotted.name` as ProfileFeed and DottedName; what is such a name already stays."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name))


def camel(name: str) -> str:
    """`end_other_sessions` as endOtherSessions."""
    first, *others = name.split("_")
    return first + "".join(other[:1].upper() + other[1:] for other in others)
