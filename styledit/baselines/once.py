"""What the methods share that make one edit of a picture by a call."""

from __future__ import annotations

from typing import Any

# An editor for one edit keeps nothing for a next one, and takes its settings from the call alone.
ONCE: dict[str, Any] = {"limit": 0, "history": 0, "automatic": False}
# Where a method takes over no maps of Prompt-to-Prompt unless the call says so.
NO_MAPS: dict[str, Any] = {"tau_c": 0.0, "tau_s": 0.0}
# Where it takes over nothing of Prompt-to-Prompt and reads no value inputs unless the call says so.
NO_SWITCHES: dict[str, Any] = NO_MAPS | {"tau_v": 0.0, "tau_u": 0.0}
