"""Regularised editing (P2Plus)."""
