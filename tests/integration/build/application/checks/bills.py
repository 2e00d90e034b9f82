"""The application's own checks, which its second stage runs."""

from shop import bill

assert bill({"apples": 3, "pears": 2}) == "3 apples and 2 pears: 1.90"
try:
    bill({"plums": 1})
except KeyError:
    print("2 bills were right")
else:
    raise SystemExit("plums are not sold")
