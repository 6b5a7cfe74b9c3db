"""Messaging: conversations of two people and of groups, their messages in one order, who has read how far."""
