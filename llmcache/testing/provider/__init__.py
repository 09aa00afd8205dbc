"""A language model provider on this machine that speaks the OpenAI and Anthropic wire formats."""

from llmcache.testing.provider.answers import FILL, Answer, Failure
from llmcache.testing.provider.loopback import LoopbackProvider
from llmcache.testing.provider.patterns import UnfillableError
from llmcache.testing.provider.pauses import Gate
from llmcache.testing.provider.request import Request

__all__ = [
    "FILL",
    "Answer",
    "Failure",
    "Gate",
    "LoopbackProvider",
    "Request",
    "UnfillableError",
]
