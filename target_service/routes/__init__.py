"""The endpoints, one kind of state a file: what is asked, and how it is answered. Nothing is decided here.

Every handler is a coroutine. It awaits the store at most as often as the state file says, and answers bytes that are
ready: no response model is walked on the way out.
"""

from target_service.routes import access, accounts, cart, jobs, limits, orders, payments, preferences, probes

ROUTERS = (
    accounts.router,
    access.router,
    payments.router,
    orders.router,
    jobs.router,
    cart.router,
    preferences.router,
    limits.router,
    probes.router,
)
"""The routers of all kinds of state. To add one, write the file and add its router here."""
