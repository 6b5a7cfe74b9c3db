"""Notifications: what concerns a person, told in their inbox, by mail and by push as they have chosen."""
