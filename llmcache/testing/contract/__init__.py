"""The suite that every backend passes, for llmcache's own and for those of others.

```python
class TestMyBackend(BackendContract):
    def make_backend(self, clock):
        return MyBackend(self.place() / "answers", clock=clock)

    def reopen(self, backend, clock):
        return MyBackend(backend.path, clock=clock)
```

What a backend lacks the ability for is skipped, with the ability's name. It needs pytest, and
hypothesis for the test against a model.
"""

from __future__ import annotations

import pytest

# Before the suites are imported, so that a failed comparison shows both sides.
pytest.register_assert_rewrite(
    *(
        f"llmcache.testing.contract.{suite}"
        for suite in ("entries", "epochs", "leases", "catalogue", "model")
    )
)

from llmcache.testing.contract.base import BackendSuite, Driven, an_entry, need  # noqa: E402 - see above
from llmcache.testing.contract.catalogue import CatalogueSuite  # noqa: E402 - see above
from llmcache.testing.contract.entries import EntrySuite  # noqa: E402 - see above
from llmcache.testing.contract.epochs import EpochSuite  # noqa: E402 - see above
from llmcache.testing.contract.leases import LeaseSuite  # noqa: E402 - see above
from llmcache.testing.contract.model import ModelSuite  # noqa: E402 - see above

__all__ = ["BackendContract", "BackendSuite", "Driven", "an_entry", "need"]


class BackendContract(EntrySuite, EpochSuite, LeaseSuite, CatalogueSuite, ModelSuite):
    """All that a backend must do, as tests; subclass it and give `make_backend`.

    `make_backend`, `reopen`, `make_small` and `damage` are described at `BackendSuite`.
    """
