"""Words of greeting."""


def hello(name):
    """Greets somebody by name."""
    return f"Hello, {name}."
