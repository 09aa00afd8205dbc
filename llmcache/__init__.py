"""Cached structured answers for Instructor, OpenAI and Anthropic."""
