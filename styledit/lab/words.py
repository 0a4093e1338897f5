"""Words that name nothing: their maps say little of a place."""

SMALL_WORDS = frozenset("a an the this that of in on at and or with by to from for its is".split())
