"""The proxy that the environment names for an address.

httpx reads the same variables, but fails at entries of NO_PROXY that other programs understand: `[::1]`, `10.0.0.0/8`.
"""

import ipaddress

from lmchat.wire.address import Address


def proxy_for(address: Address) -> str | None:
    """Return the URL of the proxy on the way to an address, None where there is none."""
    from urllib.request import getproxies

    # A proxy from the environment knows nothing of this machine's own ports.
    if address.loopback:
        return None
    proxies = getproxies()
    proxy = proxies.get("https" if address.encrypted else "http") or proxies.get("all")
    if not proxy or any(_covers(entry, address.host) for entry in proxies.get("no", "").split(",")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _covers(entry: str, host: str) -> bool:
    """Tell whether an entry of NO_PROXY is about a host; one that makes no sense is about none."""
    entry = entry.strip().lower().rpartition("://")[2]
    if entry == "*":
        return True
    name = entry.strip("[]") if entry.count(":") != 1 else entry.partition(":")[0]
    if entry.startswith("["):
        name = entry[1:].partition("]")[0]
    try:
        number = ipaddress.ip_address(host.partition("%")[0])
        return number in ipaddress.ip_network(name, strict=False)
    except (ValueError, TypeError):
        name = name.removeprefix("*").strip(".")
        return bool(name) and (host == name or host.endswith(f".{name}"))
