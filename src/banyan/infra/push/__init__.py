"""Push to devices: web push, Firebase Cloud Messaging and the Apple Push Notification service behind one interface."""
