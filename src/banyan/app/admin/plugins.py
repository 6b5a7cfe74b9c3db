"""Which plug-ins run, for admins."""

from banyan.app.plugins import PluginInfo
from banyan.infra.http.routing import Controller, Request, get
from banyan.kernel.pages import Page


class PluginRoutes(Controller):
    path = "/v1/admin/plugins"
    tags = ["admin"]
    plugins: list[PluginInfo]

    @get(access="admin")
    async def list(self, request: Request) -> Page[PluginInfo]:
        """The plug-ins of this installation, by name."""
        return Page(self.plugins)
