"""What the service is made of, and how the parts are put together.

`Parts` are the seams: whoever wants another behaviour exchanges a part before the service is assembled. The seeded
defects in defects/ do so, each in one file, and nothing outside that folder knows any of them.
"""

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module

from target_service import defects
from target_service.accounts import Accounts
from target_service.apikeys import ApiKeys
from target_service.cart import Cart
from target_service.drain import Drain
from target_service.ids import NewId, random_id
from target_service.jobs import Jobs
from target_service.ledger import Ledger
from target_service.limits import Limits
from target_service.metrics import Metrics
from target_service.orders import Orders
from target_service.payments import Payments
from target_service.preferences import PreferenceBook
from target_service.sessions import Sessions
from target_service.settings import Settings, SettingsError
from target_service.store import Store, lua_files
from target_service.tokens import Tokens
from target_service.users import Users


@dataclass
class Parts:
    """The parts that can be exchanged.

    `lua` holds fragments and scripts by name; every other field makes what its name says.
    """

    lua: dict[str, str] = field(default_factory=lua_files)
    store: Callable[[str, Mapping[str, str], float, int], Store] = Store
    tokens: Callable[[Settings], Tokens] = Tokens
    sessions: Callable[[Store, Settings], Sessions] = Sessions
    users: Callable[[Sessions], Users] = Users
    payments: Callable[[Store, Sessions, Ledger, Settings, NewId], Payments] = Payments
    orders: Callable[[Store, Sessions, Ledger, Settings, NewId], Orders] = Orders
    jobs: Callable[[Store, Sessions, Settings, NewId], Jobs] = Jobs
    cart: Callable[[Store, Sessions, Settings], Cart] = Cart
    preferences: Callable[[Store, Sessions], PreferenceBook] = PreferenceBook
    limits: Callable[[Store, Sessions, Settings], Limits] = Limits
    drain: Callable[[Store], Drain] = Drain
    new_id: NewId = random_id


@dataclass(frozen=True)
class Service:
    """The assembled service: what the routes of a replica and the loops of a worker use."""

    settings: Settings
    store: Store
    ledger: Ledger
    tokens: Tokens
    accounts: Accounts
    sessions: Sessions
    users: Users
    api_keys: ApiKeys
    payments: Payments
    orders: Orders
    jobs: Jobs
    cart: Cart
    preferences: PreferenceBook
    limits: Limits
    drain: Drain
    metrics: Metrics

    async def close(self) -> None:
        """Close the connections to the store and the ledger, and end the threads."""
        self.accounts.close()
        await self.ledger.close()
        await self.store.close()


def defect_names() -> list[str]:
    """Return the names of the seeded defects, as TARGET_DEFECTS takes them."""
    names = (module.name for module in pkgutil.iter_modules(defects.__path__))
    return sorted(name.replace("_", "-") for name in names if not name.startswith("_"))


def chosen_parts(names: tuple[str, ...]) -> Parts:
    """Return the clean parts with the named defects applied, in the order of their names.

    Raises:
        SettingsError: There is no defect with such a name.
    """
    parts = Parts()
    for name in names:
        if name not in defect_names():
            raise SettingsError(
                f"TARGET_DEFECTS names {name!r}, which is no defect: the defects are {', '.join(defect_names())}"
            )
        import_module(f"target_service.defects.{name.replace('-', '_')}").apply(parts)
    return parts


def assemble(settings: Settings, parts: Parts) -> Service:
    """Build the service from its parts.

    Nothing is connected: a replica starts without its store, and is not ready until the store answers.
    """
    store = parts.store(settings.store_url, parts.lua, settings.store_timeout_s, settings.store_connections)
    metrics = Metrics()
    store.observe = metrics.round_trip
    ledger = Ledger(settings.ledger_url, settings.ledger_timeout_s)
    tokens = parts.tokens(settings)
    sessions = parts.sessions(store, settings)
    return Service(
        settings=settings,
        store=store,
        ledger=ledger,
        tokens=tokens,
        accounts=Accounts(store, settings),
        sessions=sessions,
        users=parts.users(sessions),
        api_keys=ApiKeys(sessions, tokens, settings),
        payments=parts.payments(store, sessions, ledger, settings, parts.new_id),
        orders=parts.orders(store, sessions, ledger, settings, parts.new_id),
        jobs=parts.jobs(store, sessions, settings, parts.new_id),
        cart=parts.cart(store, sessions, settings),
        preferences=parts.preferences(store, sessions),
        limits=parts.limits(store, sessions, settings),
        drain=parts.drain(store),
        metrics=metrics,
    )
