"""Network addresses as texts."""


def host_and_port(address: str) -> tuple[str, int]:
    """(host, port) of `host:port` or `[v6]:port`. Raises ValueError: the port is no number."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
