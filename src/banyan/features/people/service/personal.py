"""Parts of a person's own data that no list of the API has: pages of them for their export."""

from banyan.features.people.queries import personal as queries
from banyan.infra.export_pages import export_pages

EARLIER_HANDLES = export_pages(queries.list_earlier_handles, lambda row: row.id)
MEMBERSHIPS = export_pages(queries.list_own_members, lambda row: row.id)
DISMISSALS = export_pages(queries.list_dismissals, lambda row: row.person_id)
