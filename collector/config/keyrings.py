"""Keys in the system's keyring: Secret Service, KWallet, macOS Keychain, Windows Credential Locker.

The only door to the library ``keyring``, which is an extra and is imported when a key is wanted. Its backends are other
people's code and raise what they like; none of it is passed on, because nobody knows what its words show.

Public: ``KeyringEntry``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from collector.errors import ConfigError

# A name for people. A key in the wrong place has digits.
_NAME = re.compile(r"[A-Za-z][A-Za-z._ -]{0,79}", re.ASCII)


@dataclass(frozen=True, slots=True)
class KeyringEntry:
    """Where in the keyring a key is kept.

    Attributes:
        service: The name it was put in under.
        username: Whose it is there; by default the account's name.
    """

    service: str
    username: str

    def __str__(self) -> str:
        if not _NAME.fullmatch(self.service):
            return "the keyring entry that api_key.keyring names"
        return f"the keyring entry of {self.service} for {self.username}"

    def password(self) -> str:
        """Return what is kept there now.

        Raises:
            ConfigError: The library is missing, the keyring is locked or cannot be reached, or there is no such entry.
        """
        try:
            import keyring  # noqa: PLC0415 - an extra, and its backends take a tenth of a second to find
        except ModuleNotFoundError:
            raise ConfigError(
                "a key in the keyring needs the library keyring; install it with `pip install "
                "'usage-collector[keyring]'`, or name another place with api_key = { env = … } or { file = … }"
            ) from None
        try:
            found = keyring.get_password(self.service, self.username)
        except Exception as error:  # noqa: BLE001 - a backend raises what it likes, and its words may show a key
            fault = _FAULTS.get(type(error).__name__, f"cannot be read ({type(error).__name__}); look at it with")
        else:
            if found is not None:
                return found
            fault = "does not exist; put the key there with"
        raise ConfigError(f"{self} {fault} `keyring {self._command}`")

    @property
    def _command(self) -> str:
        shown = self.service if _NAME.fullmatch(self.service) else "SERVICE"
        return f"set {shown} {self.username}"


_FAULTS = {
    "NoKeyringError": (
        "cannot be read: this machine has no keyring that works without a desktop; use api_key = { file = … }, or "
        "install a backend and put the key there with"
    ),
    "KeyringLocked": "is locked; unlock the keyring of the user who runs the collector, or put the key there anew with",
}
