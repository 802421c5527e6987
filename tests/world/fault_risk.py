"""The host's risk segment of a fault run: seats of both strategies, limits that some of their orders pass, and a look at whether they hold.

Made of private memory; what a life that was killed has written after its last step is taken back, as with its journal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aats._ffi import ffi, lib, text
from tests.world.judge import Wrong

if TYPE_CHECKING:
    from tests.world.fault_lives import Life
    from tests.world.fault_world import FaultWorld

SEATS, SYMS, LIMITS, BUDGETS = 4, 4, 8, 8
LINE = 64
MONEY = 10**8  # AATS_RISK_MONEY_EXP
ONE = 10**8  # prices and quantities, 1e-8


class RiskSegment:
    """The segment, and who sits in it."""

    def __init__(self, world: FaultWorld) -> None:
        self.world = world
        self.size = (int(lib.aats_risk_size(SEATS, SYMS, LIMITS, BUDGETS)) + LINE - 1) // LINE * LINE
        self._raw = ffi.new("char[]", self.size + LINE)
        at = int(ffi.cast("uintptr_t", self._raw))
        self.mem = ffi.cast("void *", at + -at % LINE)
        me = lib.aats_ident(999, 1)
        code = lib.aats_seg_init(self.mem, self.size, lib.AATS_KIND_RISK, b"host", 1, me, 1, b"0" * 8, b"world")
        if code != 0 or lib.aats_risk_init(self.mem, self.size, SEATS, SYMS, LIMITS, BUDGETS) != 0:
            raise Wrong("the risk segment cannot be laid out")
        lib.aats_seg_ready(self.mem)
        self.view = ffi.new("aats_risk_view_t *")
        why = ffi.new("char[]", 256)
        if lib.aats_risk_attach(self.mem, self.size, self.view, why, len(why)) != 0:
            raise Wrong(f"the risk segment cannot be used: {text(why)}")
        self.most: dict[str, int] = {}  # symbol -> limit on position and open orders
        self.most_open = 0
        self._limit()

    # -- limits ----------------------------------------------------------------------------------------------------------

    def _put(self, scope: int, name: str, **limits: int) -> None:
        row = lib.aats_risk_row(self.view, scope, name.encode(), 1)
        if row < 0 or lib.aats_risk_row_put(self.view, row, ffi.new("aats_rlimits_t *", limits)) != 0:
            raise Wrong(f"limits of {name} are not taken")

    def _limit(self) -> None:
        """Set limits: such that orders meet them, if the plan says so, else such that they do not."""
        world = self.world
        some, many = (4, 3) if world.plan.tight else (400, 30)
        self.most_open = 7 if world.plan.tight else 100
        self._put(
            lib.AATS_SCOPE_HOST,
            "",
            open_orders=self.most_open,
            orders_1s=many,
            cancels_1s=many,
            orders_1d=10**6,
            collar_ppm=20_000 if world.plan.tight else 0,
            duplicate_ms=200 if world.plan.tight else 0,
            any_book=int(not world.plan.tight),
        )
        for name in world.names:
            typical = world.typical(name)
            bid, _ = world.market.touch(name)
            self.most[name] = some * typical
            notional = 2 * typical * bid * MONEY // ONE // ONE if world.plan.tight else 0
            self._put(
                lib.AATS_SCOPE_SYMBOL, f"{name}.BINANCE", order_qty=2 * some * typical, position=self.most[name], order_notional=notional
            )

    # -- seats -----------------------------------------------------------------------------------------------------------

    def sit(self, life: Life) -> Any:
        """Take the seat of a life, which an earlier one may have left in death; return its gate."""
        strategy = life.strategy
        me = lib.aats_ident(1000 + strategy.number, 1 + life.number)
        wanted = ffi.new(
            "aats_seat_t *",
            {"instance": life.instance, "mode": lib.AATS_MODE_SIM, "name": strategy.name.encode(), "account": strategy.key.encode()},
        )
        found = lib.aats_seat_find(self.view, strategy.name.encode(), strategy.key.encode())
        dead = int(self.view.seats[found].owner) if found >= 0 else 0
        seat = lib.aats_seat_take(self.view, me, wanted, dead, 0)
        if seat < 0:
            raise Wrong(f"{strategy.name}.{life.number} gets no seat ({text(lib.aats_err_name(seat))})")
        life.seat = seat
        why = ffi.new("char[]", 256)
        gate = lib.aats_gate_new(self.mem, self.size, seat, me, why, len(why))
        if gate == ffi.NULL:
            raise Wrong(f"no gate: {text(why)}")
        return gate

    def share(self, session: Any, account: str) -> int:
        """Have a session count its requests with everybody's."""
        return int(lib.aats_session_budgets(session, self.mem, self.size, account.encode(), b"addr world"))

    def stake_of(self, seat: int) -> tuple[bytes, bytes]:
        """Return the bytes of a seat and of its cells."""
        return bytes(ffi.buffer(self.view.seats + seat, ffi.sizeof("aats_seat_t"))), bytes(self._cells(seat))

    def put_stake(self, seat: int, stake: tuple[bytes, bytes]) -> None:
        """Put them back."""
        ffi.memmove(self.view.seats + seat, stake[0], len(stake[0]))
        self._cells(seat)[:] = stake[1]

    def _cells(self, seat: int) -> Any:
        size = ffi.sizeof("aats_rcell_t") * SYMS
        return ffi.buffer(ffi.cast("char *", self.view.cells) + seat * size, size)

    # -- judging ---------------------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Raise `Wrong` if the exchange holds more than the limits allow, at this moment, over both strategies."""
        world = self.world
        opened = sum(len(account.open) for account in world.accounts)
        if opened > self.most_open:
            raise Wrong(f"{opened} orders are open at the exchange, the limit of the host is {self.most_open}")
        for name, most in self.most.items():
            symbol = world.market.symbols[name]
            held = (
                sum(sum(account.balances[symbol.base]) - world.exchange.ledger.deposits[symbol.base] for account in world.accounts) // 10**8
            )
            buys = sells = 0
            for account in world.accounts:
                for order in account.open.values():
                    if order.symbol == name:
                        buys += order.leaves if order.buys else 0
                        sells += 0 if order.buys else order.leaves
            if max(held + buys, sells - held) > most:
                raise Wrong(
                    f"{name}: position {held}, open {buys} to buy and {sells} to sell at the exchange, the limit of the host is {most}"
                )

    def compare(self, life: Life, sizes: dict[str, int]) -> None:
        """Raise `Wrong` if the cells of a life that has left show anything but its positions."""
        for sym in range(SYMS):
            name = text(self.view.syms[sym].symbol).partition(".")[0]
            if not name:
                continue
            cell = ffi.new("aats_rcell_t *")
            lib.aats_cell_read(self.view, life.seat, sym, cell)
            open_there = int(cell.buy_i), int(cell.sell_i), int(cell.open_cnt)
            if open_there != (0, 0, 0):
                raise Wrong(f"{life.strategy.name}: {open_there} of {name} is reserved, and nothing is open")
            if int(cell.pos_i) != sizes[name]:
                raise Wrong(f"{life.strategy.name}: its cell holds {cell.pos_i} of {name}, it has {sizes[name]}")
