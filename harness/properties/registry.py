"""Which workloads there are. To add one: a file, and a line here."""

from harness.client.visitor import Workload
from harness.properties.access.workload import Access
from harness.properties.cart.workload import Cart
from harness.properties.hostile.workload import Hostile
from harness.properties.idempotency.workload import Payments
from harness.properties.job.workload import Jobs
from harness.properties.limit.workload import Limits
from harness.properties.order.workload import Orders
from harness.properties.preference.workload import Preferences
from harness.properties.session.workload import Sessions

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
