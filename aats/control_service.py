"""``ControlService``: list and stop the servers that a control server knows.

from aats.control_service import ControlService

service = ControlService()
service.set_control_server("127.0.0.1", 8060)
service.show_all_market_servers()       # prints and returns [{"pid": 4711, "port": 15004, "name": "binance", ...}]
service.kill_server(4711)
"""

from __future__ import annotations

from typing import Any

from aats import config, control_client
from aats.control_address import check_address
from aats.errors import ConfigError

__all__ = ["ControlService"]

#: A stop may take 8 s, and its forcing 2 more.
_KILL_S = 15.0


class ControlService:
    """Server management: show what runs, stop one of them."""

    def __init__(self) -> None:
        self._host = "127.0.0.1"
        self._port = config.DEFAULT_CONTROL_PORT

    def set_control_server(self, ip: str, port: int) -> None:
        """Name the control server that is asked; default: 127.0.0.1, port 8060."""
        self._host, self._port = check_address(ip, port, "set_control_server")

    def show_all_trade_servers(self) -> list[dict[str, Any]]:
        """Print and return the running trade processes, those of other hosts that are registered at the control server included.

        Returns
        -------
        list of dict
            With at least ``pid`` and ``port``; docs/control.md lists the rest.
        """
        return self._show("trade")

    def show_all_market_servers(self) -> list[dict[str, Any]]:
        """Print and return the running market servers, as `show_all_trade_servers`."""
        return self._show("feed")

    def kill_server(self, pid: int) -> dict[str, Any]:
        """Stop a process of the control table: politely, then after 8 s by force.

        Parameters
        ----------
        pid : int
            As one of the lists shows it.

        Returns
        -------
        dict
            ``{"pid": pid, "result": "stopped" or "killed"}``, printed as well.

        Raises
        ------
        ControlError
            The pid is not in the table, or is another process by now, or is one of this host and one of another: it is left alone.
        """
        try:
            number = int(pid)
        except (TypeError, ValueError):
            raise ConfigError(f"kill_server: pid must be a whole number; it is {pid!r}") from None
        answer = control_client.ask(self._host, self._port, {"op": "kill", "pid": number}, timeout_s=_KILL_S)
        result = {"pid": answer["pid"], "result": answer["result"]}
        print(f"server {result['pid']}: {result['result']}")
        return result

    def _show(self, role: str) -> list[dict[str, Any]]:
        servers: list[dict[str, Any]] = control_client.ask(self._host, self._port, {"op": "list", "role": role})["processes"]
        servers = [one for one in servers if not one.get("received")]  # they serve this host alone, whoever needs one has started it
        kind = "market" if role == "feed" else role
        print(f"active {kind} server list: ", [{"pid": one["pid"], "port": one["port"]} for one in servers])
        return servers
