"""Every feature once, with real calls to OpenAI: some thirty short ones."""

from __future__ import annotations

import os

from run import tour

if __name__ == "__main__":
    if os.environ.get("OPENAI_API_KEY"):
        tour(real=True)
    else:
        print("OPENAI_API_KEY is not set: nothing was called. Without a key there is run.py.")
