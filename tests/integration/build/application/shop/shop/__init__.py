"""A shop that tells what an order costs."""

import sys

from prices import price


def bill(order: dict[str, int]) -> str:
    """Return an order and its price as a line of text."""
    total = sum(price(name, number) for name, number in order.items())
    things = " and ".join(f"{number} {name}" for name, number in order.items())
    return f"{things}: {total // 100}.{total % 100:02}"


def main() -> None:
    """Print the bill of what the command line orders, such as apples=3."""
    pairs = (word.split("=", 1) for word in sys.argv[1:])
    print(bill({name: int(number) for name, number in pairs}))
