"""What export and deletion of a person mean for posts."""

from banyan.features.posts.service import personal
from banyan.infra.declare import DataSection, PersonalData

PERSONAL_DATA = PersonalData(
    feature="posts",
    sections=(
        DataSection("posts", "Posts", personal.POSTS),
        DataSection("earlier_texts", "What posts said before they were edited", personal.EARLIER_TEXTS),
        DataSection("comments", "Comments", personal.COMMENTS),
        DataSection("reactions", "Reactions", personal.REACTIONS),
        DataSection("saved", "Saved posts", personal.SAVED),
    ),
    erase=personal.erase,
)
