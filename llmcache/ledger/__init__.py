"""The ledger: what the calls of all processes came to, by day, function, model and outcome.

Calls are summed up in memory, and the sums are added to what the backend keeps (`Ledgers`) every
few seconds by a thread, before the backend closes, at the end of the process, and by `flush`. No
hit writes anything. A process that is killed loses what it has counted since the last time.
"""

from __future__ import annotations

from llmcache.ledger.account import Account
from llmcache.ledger.book import Book, account_of, book_of, flush

__all__ = ["Account", "Book", "account_of", "book_of", "flush"]
