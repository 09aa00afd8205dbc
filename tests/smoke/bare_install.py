"""What works with nothing installed but llmcache itself: run as a script, outside the checkout."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from pydantic import BaseModel

import llmcache

CHECKOUT = Path(__file__).parents[2]


class Invoice(BaseModel):
    """An answer."""

    number: str
    total: float


@llmcache.cached_structured(ttl="1h")
def extract(text: str) -> Invoice:
    """Stands for a call of a model."""
    number, total = text.split()
    return Invoice(number=number, total=float(total))


def main() -> int:
    """Miss, then hit, from the installed package; 0 when all is well."""
    first, second = extract("A-1 119.0"), extract("A-1 119.0")
    info = extract.cache_info()
    checks = {
        "the installed package is used": Path(llmcache.__file__).parent != CHECKOUT / "llmcache",
        "no SDK is there": all(
            importlib.util.find_spec(name) is None for name in ("openai", "instructor", "redis")
        ),
        "the second call is a hit": (info.hits, info.misses) == (1, 1),
        "the hit equals the miss": first == second and first is not second,
        "the types are shipped": Path(llmcache.__file__).with_name("py.typed").exists(),
    }
    for name, holds in checks.items():
        sys.stdout.write(f"{'ok  ' if holds else 'FAIL'} {name}\n")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
