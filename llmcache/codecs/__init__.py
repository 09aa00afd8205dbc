"""Values become bytes and come back as they were, without running any code of theirs.

`ResultCodec` turns a function's results into bytes and back, `Framing` puts those into what is
stored. Neither sees a key, a backend or a setting. Their two refusals are `Unstorable` and
`Unreadable`; nothing else leaves them, whatever the value or the bytes.
"""

from __future__ import annotations

from llmcache.codecs.catalogue import SeenTypes
from llmcache.codecs.completions import Usage, reason_not_to_keep, usage_of
from llmcache.codecs.frame import Framing, join, split
from llmcache.codecs.outcomes import Unreadable, Unstorable
from llmcache.codecs.registry import register_codec
from llmcache.codecs.result import Dumped, ResultCodec, result_codec

__all__ = [
    "Dumped",
    "Framing",
    "ResultCodec",
    "SeenTypes",
    "Unreadable",
    "Unstorable",
    "Usage",
    "join",
    "reason_not_to_keep",
    "register_codec",
    "result_codec",
    "split",
    "usage_of",
]
