"""Every kind of document that the order key signs (pure)."""

from broadcast.wire.documents import Programme, ReceiverSettings
from broadcast.wire.now import Bank, Now

SignedDocument = Programme | ReceiverSettings | Now | Bank
