"""The clients' generator: what it names, what it makes of types, and that the tree's clients are what it makes."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dev.client_generator import python, typescript
from dev.client_generator.__main__ import outdated, write
from dev.client_generator.document import BadDocument, read_api
from dev.client_generator.names import camel, method_names, pascal

ROOT = Path(__file__).resolve().parents[2]

SCHEMAS = {
    "Jar": {
        "title": "Jar",
        "description": "What stands about.",
        "type": "object",
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "from": {"type": "string", "description": "A word that Python keeps for itself."},
            "kind": {"enum": ["high", "low"]},
            "made_at": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
            "books": {"type": "array", "items": {"$ref": "#/components/schemas/Book"}, "default": []},
            "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
            "things": {
                "type": "array",
                "items": {
                    "anyOf": [{"$ref": "#/components/schemas/Book"}, {"$ref": "#/components/schemas/Vase"}],
                    "discriminator": {
                        "propertyName": "is",
                        "mapping": {"vase": "#/components/schemas/Vase", "book": "#/components/schemas/Book"},
                    },
                },
            },
        },
        "required": ["id", "from", "kind", "made_at", "counts", "things"],
    },
    "Book": {
        "title": "Book",
        "type": "object",
        "properties": {"is": {"enum": ["book"]}, "title": {"type": "string"}},
        "required": ["is", "title"],
    },
    "Vase": {
        "title": "Vase",
        "type": "object",
        "properties": {"is": {"enum": ["vase"]}},
        "required": ["is"],
    },
    "NewJar": {
        "title": "NewJar",
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "One line."},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        },
        "required": ["name"],
    },
    "Page_Jar_": {
        "title": "Page[Jar]",
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": {"$ref": "#/components/schemas/Jar"}},
            "next_cursor": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        },
        "required": ["items"],
    },
    "Cracked": {
        "title": "Cracked",
        "type": "object",
        "properties": {"type": {"enum": ["cracked"]}},
        "required": ["type"],
    },
    "Unused": {"title": "Unused", "type": "object", "properties": {}, "required": []},
}

# What happens to a jar: no name of its own.
EVENTS = {
    "anyOf": [{"$ref": "#/components/schemas/Cracked"}, {"$ref": "#/components/schemas/Vase"}],
    "discriminator": {
        "propertyName": "type",
        "mapping": {"cracked": "#/components/schemas/Cracked", "vase": "#/components/schemas/Vase"},
    },
}


def answered(schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": "The answer.", "content": content}


def operation(resource: str, function: str, **more: Any) -> dict[str, Any]:
    return {
        "operationId": f"{resource}_{function}",
        "x-resource": resource,
        "summary": "What it does",
        "tags": ["jars"],
        "security": [{"bearer": []}, {"api_key": ["jars:write"]}],
        "parameters": [],
        **more,
    }


@pytest.fixture
def document() -> dict[str, Any]:
    jar_id = {"name": "jar_id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
    limit = {"name": "limit", "in": "query", "schema": {"type": "integer", "default": 20}}
    cursor = {"name": "cursor", "in": "query", "schema": {"anyOf": [{"type": "string"}, {"type": "null"}]}}
    refusal = {"description": "`conflict`: Conflict; `jar_full`: Full", "content": {"application/problem+json": {}}}
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewJar"}}}}
    build = operation("jar", "build", requestBody=body, responses={"201": answered("Jar"), "409": refusal})
    listing = operation("jar", "list", parameters=[limit, cursor], responses={"200": answered("Page_Jar_")})
    removal = operation("jar", "remove", parameters=[jar_id], responses={"204": {"description": "Done."}})
    picture = {"description": "A picture.", "content": {"image/webp": {}}}
    # A part comes only to those who ask for one.
    drawing = operation("picture", "draw", parameters=[jar_id], responses={"200": picture, "206": picture})
    return {
        "paths": {
            "/v1/jars": {"post": build, "get": listing},
            "/v1/jars/{jar_id}": {"delete": removal},
            "/v1/jars/{jar_id}/picture": {"get": drawing},
        },
        "x-topics": {
            "jar:{jar_id}": {"durable": True, "publish": False, "event": EVENTS},
            "jars:all": {"durable": False, "publish": True, "event": {"$ref": "#/components/schemas/Cracked"}},
        },
        "components": {"schemas": copy.deepcopy(SCHEMAS)},
    }


def test_methods_are_named_by_tag_resource_and_function() -> None:
    named = {
        ("post_publish", "posts", "post"): "publish",
        ("post_list", "posts", "post"): "list",
        ("post_list_comments", "posts", "post"): "list_comments",
        ("comment_edit", "posts", "comment"): "edit_comment",
        ("feed_show", "posts", "feed"): "show_feed",
        ("saved_list", "posts", "saved"): "list_saved",
        ("block_block", "posts", "block"): "block",
        ("block_unblock", "posts", "block"): "unblock",
        ("delivery_list", "posts", "delivery"): "list_deliveries",
        ("list_list", "posts", "list"): "list_lists",
        ("totp_turn_off", "posts", "totp"): "turn_off_totp",
        ("setup_create_first_admin", "posts", "setup"): "create_first_admin",
        ("post_people_list", "posts", "post_people"): "list_people",
        ("post_people_suspend", "posts", "post_people"): "suspend_person",
        ("tag_list_posts", "posts", "tag"): "list_tag_posts",
    }
    assert method_names(named) == {operation: name for (operation, _, _), name in named.items()}


def test_a_name_taken_twice_is_lengthened_or_refused() -> None:
    both = [("post_list_comments", "posts", "post"), ("thread_list_comments", "posts", "thread")]
    assert method_names(both)["thread_list_comments"] == "list_comments_thread"
    with pytest.raises(ValueError, match="two methods would be called"):
        method_names([("post_edit", "posts", "post"), ("posts_edit", "posts", "posts")])


def test_words_in_other_cases() -> None:
    assert [pascal(name) for name in ("profile_feed", "Page_Post_", "SignUp")] == ["ProfileFeed", "PagePost", "SignUp"]
    assert camel("end_other_sessions") == "endOtherSessions"


def test_python(document: dict[str, Any]) -> None:
    files = python.render(read_api(document))
    models, calls = files["models.py"], files["api/jars.py"]
    for line in (
        'from_: str = field(name="from")',
        'kind: Literal["high", "low"]',
        "made_at: datetime | None",
        "books: list[Book] = []",
        "counts: dict[str, int]",
        "things: list[JarThing]",
        "JarThing: TypeAlias = Book | Vase | Unknown",
    ):
        assert line in models
    assert "Unused" not in models
    assert "async def build(self, *, name: str, note: str | UnsetType | None = UNSET, idempotency_key: " in calls
    assert "Refused with `jar_full` (409)." in calls
    assert "An API key needs the scope `jars:write`." in calls
    assert "class NewJar" not in models
    assert "def list(self, *, limit: int | None = None, cursor: str | None = None) -> Pages[Jar]" in calls
    assert "async def remove(self, jar_id: UUID | str) -> None" in calls
    assert "async def draw_picture(self, jar_id: UUID | str) -> bytes" in calls
    for path, text in files.items():
        compile(text, path, "exec")


def test_topics(document: dict[str, Any]) -> None:
    api = read_api(document)
    written, typed = python.render(api), typescript.render(api)
    assert "JarEvent: TypeAlias = Cracked | Vase | Unknown" in written["models.py"]
    calls = written["topics.py"]
    assert "def join_jar(self, jar_id: UUID | str, *, place: Place | None = None) -> Subscription[JarEvent]" in calls
    assert 'return self._join(f"jar:{jar_id}", JarEvent, place)' in calls
    # Of what is not kept one cannot go on anywhere.
    assert "def join_jars_all(self) -> Subscription[Cracked]" in calls
    assert "export type JarEvent = Cracked | Vase;" in typed["models.ts"]
    assert "joinJar(jarId: string, place?: Place): Subscription<JarEvent>" in typed["topics.ts"]
    assert "return this.join(`jar:${jarId}`, place);" in typed["topics.ts"]
    assert "joinJarsAll(): Subscription<Cracked>" in typed["topics.ts"]


def test_an_installation_without_topics(document: dict[str, Any]) -> None:
    del document["x-topics"]
    api = read_api(document)
    assert "class Socket(BaseSocket)" in python.render(api)["topics.py"]
    assert "class Socket extends BaseSocket" in typescript.render(api)["topics.ts"]


def test_typescript(document: dict[str, Any]) -> None:
    files = typescript.render(read_api(document))
    models, calls = files["models.ts"], files["api/jars.ts"]
    for line in (
        "  from: string;",
        '  kind: "high" | "low";',
        "  made_at: string | null;",
        "  books: Book[];",
        "  counts: { [name: string]: number };",
        "  things: JarThing[];",
        "export type JarThing = Book | Vase;",
        "  note?: string | null;",
        '  | "jar_full";',
    ):
        assert line in models
    assert "Unused" not in models
    assert "An API key needs the scope `jars:write`." in calls
    assert "build(body: NewJar, options?: PostOptions): Promise<Jar>" in calls
    assert "list(query: { limit?: number; cursor?: string } = {}, options?: CallOptions): Pages<Jar>" in calls
    assert "remove(jarId: string, options?: CallOptions): Promise<void>" in calls
    assert "path: path`/v1/jars/${jarId}`" in calls
    assert "drawPicture(jarId: string, options?: CallOptions): Promise<Uint8Array>" in calls


def test_a_document_that_names_two_methods_alike_is_refused(document: dict[str, Any]) -> None:
    document["paths"]["/v1/other"] = {"put": operation("jar", "build", responses={})}
    with pytest.raises(BadDocument, match="build"):
        read_api(document)


def test_only_what_differs_is_written_and_what_is_made_no_more_goes(tmp_path: Path) -> None:
    api = Path("python/src/banyan_client/api")
    files = {api / "new.py": "new", api / "same.py": "same"}
    (tmp_path / api).mkdir(parents=True)
    (tmp_path / api / "same.py").write_text("same")
    (tmp_path / api / "old.py").write_text("old")
    assert list(outdated(tmp_path, files)) == [api / "new.py", api / "old.py"]
    write(tmp_path, files)
    assert {path.name: path.read_text() for path in (tmp_path / api).iterdir()} == {"new.py": "new", "same.py": "same"}
    assert list(outdated(tmp_path, files)) == []


def test_clients_of_another_document(document: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "document.json").write_text(json.dumps(document))
    command = [sys.executable, "-m", "dev.client_generator", "--document", str(tmp_path / "document.json")]
    command += ["--into", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True)
    assert "class JarsApi" in (tmp_path / "python/src/banyan_client/api/jars.py").read_text()
    assert "class JarsApi" in (tmp_path / "typescript/src/api/jars.ts").read_text()
    subprocess.run([*command, "--check"], cwd=ROOT, check=True)


def test_the_clients_of_the_tree_are_what_the_routes_make_them() -> None:
    command = [sys.executable, "-m", "dev.client_generator", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
