"""From what ModemManager and NetworkManager tell to the state of the node's link (pure).

Rules
- A Wi-Fi that is in use comes first, as the system itself prefers it; else a modem that is switched on.
- A modem without a network has no strength: absent, not zero.
"""

from collections.abc import Mapping
from typing import Any

from broadcast.wire.documents import SignalState

Objects = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Properties by object path and interface, as `GetManagedObjects` returns them, variants taken off."""

MODEM = "org.freedesktop.ModemManager1.Modem"
MODEM_3GPP = f"{MODEM}.Modem3gpp"
MODEM_SIGNAL = f"{MODEM}.Signal"
DEVICE = "org.freedesktop.NetworkManager.Device"
WIRELESS = f"{DEVICE}.Wireless"
ACCESS_POINT = "org.freedesktop.NetworkManager.AccessPoint"

ENABLED, REGISTERED = 6, 8  # of MMModemState, which rises towards "connected"
ACTIVATED = 100  # of NMDeviceState
INFRASTRUCTURE = 2  # of NM80211Mode: a client of an access point
MAX_NAME = 60
WEAKEST_DBM, STRONGEST_DBM = -150, 0
_KINDS = (  # bits of MMModemAccessTechnology, the best first
    (0x8000, "5g", "Nr5g"),
    (0x34000, "lte", "Lte"),
    (0x3FE0, "3g", "Umts"),
    (0x1E, "2g", "Gsm"),
)


def signal(modems: Objects, networks: Objects) -> SignalState | None:
    """The link's state; None where neither service knows of one."""
    return _wifi(networks) or _modem(modems)


def _wifi(networks: Objects) -> SignalState | None:
    for interfaces in networks.values():
        device, wireless = interfaces.get(DEVICE, {}), interfaces.get(WIRELESS, {})
        if device.get("State") == ACTIVATED and wireless.get("Mode") == INFRASTRUCTURE:
            point = networks.get(wireless.get("ActiveAccessPoint", "/"), {}).get(ACCESS_POINT, {})
            return SignalState(kind="wifi", percent=_percent(point.get("Strength")))
    return None


def _modem(modems: Objects) -> SignalState | None:
    best = max(modems.values(), key=_modem_state, default={})
    if _modem_state(best) < ENABLED:
        return None
    modem, registered = best[MODEM], _modem_state(best) >= REGISTERED
    technologies = modem.get("AccessTechnologies", 0)
    kind, told = next(((kind, told) for bits, kind, told in _KINDS if technologies & bits), ("modem", ""))
    strength = best.get(MODEM_SIGNAL, {}).get(told, {})
    return SignalState(
        kind=kind,
        percent=_percent(modem.get("SignalQuality", (None,))[0]) if registered else None,
        dbm=_dbm(strength.get("rsrp", strength.get("rssi"))) if registered else None,
        operator=str(best.get(MODEM_3GPP, {}).get("OperatorName", ""))[:MAX_NAME] if registered else "",
    )


def _modem_state(interfaces: Mapping[str, Mapping[str, Any]]) -> int:
    state = interfaces.get(MODEM, {}).get("State")
    return state if isinstance(state, int) else 0


def _percent(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value <= 100 else None  # noqa: PLR2004 - per cent


def _dbm(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and WEAKEST_DBM <= value < STRONGEST_DBM else None
