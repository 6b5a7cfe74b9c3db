"""The assembled platform: settings of all parts, wiring, modules and their start order, the ASGI application."""
