"""One property a file: its ops, and how an answer is classified. To add one: a file, and a line here."""

from harness.workloads.access import Access
from harness.workloads.base import Visitor, Workload
from harness.workloads.cart import Cart
from harness.workloads.hostile import Hostile
from harness.workloads.jobs import Jobs
from harness.workloads.limits import Limits
from harness.workloads.orders import Orders
from harness.workloads.payments import Payments
from harness.workloads.preferences import Preferences
from harness.workloads.sessions import Sessions

WORKLOADS: dict[str, type[Workload]] = {
    "sessions": Sessions,
    "payments": Payments,
    "orders": Orders,
    "jobs": Jobs,
    "cart": Cart,
    "preferences": Preferences,
    "limits": Limits,
    "access": Access,
    "hostile": Hostile,
}

__all__ = ["WORKLOADS", "Visitor", "Workload"]
