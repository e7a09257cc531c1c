"""Gradus from the outside: typed calls in, frozen values or one tree of errors out.

`Client` waits, `AsyncClient` is awaited; both have the same methods and carry out the same calls.
Nothing of the server, the index or the encoder is imported here: httpx is all it needs (the extra
`client`). docs/client.md shows it at work.
"""

from service.client.asynchronous import AsyncClient
from service.client.blocking import Client
from service.client.errors import ClientError, ProblemError
from service.client.options import Options
from service.client.retrying import NEVER, Retries

__all__ = ["NEVER", "AsyncClient", "Client", "ClientError", "Options", "ProblemError", "Retries"]
