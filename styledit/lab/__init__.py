"""Live widgets for notebooks: edit while you drag, attention that answers to the mouse, and a player for an
inversion.
"""
