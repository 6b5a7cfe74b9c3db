"""Colours hold the contrast that WCAG 2.2 AA asks for, in light and in dark."""

import re

import pytest

from banyan.web.assets import STATIC

TEXT = 4.5  # WCAG 2.2, 1.4.3
EDGES = 3.0  # WCAG 2.2, 1.4.11: borders of inputs, focus rings
TEXT_ON = {
    "ink": ["ground", "surface", "sunken", "leaf-wash", "fig-wash"],
    "soft": ["ground", "surface", "sunken"],
    "leaf": ["ground", "surface"],
    "leaf-deep": ["ground", "surface", "leaf-wash"],
    "on-leaf": ["leaf", "leaf-deep"],
    "fig": ["ground", "surface", "fig-wash"],
    "ground": ["ink", "fig"],
}
EDGES_ON = {"edge": ["ground", "surface"], "gold": ["ground", "surface"], "canopy": ["ground", "surface"]}


def palettes() -> dict[str, dict[str, str]]:
    """The custom properties of `:root`, light and dark."""
    light, dark = re.findall(r":root \{(.*?)\}", (STATIC / "shared/base.css").read_text(), re.DOTALL)
    pattern = re.compile(r"--([\w-]+): (#[0-9a-f]{6});")
    return {
        "light": dict(pattern.findall(light)),
        "dark": {**dict(pattern.findall(light)), **dict(pattern.findall(dark))},
    }


def luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize(("pairs", "least"), [(TEXT_ON, TEXT), (EDGES_ON, EDGES)], ids=["text", "edges"])
def test_contrast(mode: str, pairs: dict[str, list[str]], least: float) -> None:
    palette = palettes()[mode]
    for front, backs in pairs.items():
        for back in backs:
            assert contrast(palette[front], palette[back]) >= least, f"{front} on {back} in {mode}"


@pytest.mark.parametrize("tint", range(6))
def test_initials_on_their_tints(tint: int) -> None:
    found = re.search(rf"\.tint-{tint} {{ background: (#\w+)", (STATIC / "shared/base.css").read_text())
    assert found and contrast("#ffffff", found[1]) >= TEXT
