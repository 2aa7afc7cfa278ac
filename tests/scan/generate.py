"""Fills a rule's sample template: {class:n} becomes n characters of the class, {word:X} is X."""

from credguard.app.rules import fill

__all__ = ["fill"]
