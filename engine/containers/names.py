"""Names for containers whose client gave none: an adjective and somebody whom computing or science remembers. Pure."""

from __future__ import annotations

ADJECTIVES = (
    "agile ample amber bold brave breezy bright brisk calm candid careful cheerful clever crisp curious dapper "
    "daring deft eager earnest easy elegant even exact fair famous fast festive firm fleet fluent fond frank "
    "fresh gentle glad golden graceful grand happy hardy hearty honest humble jolly keen kind lively loyal lucid "
    "lucky mellow merry mighty mild modest neat nimble noble patient placid plucky polite prime proud quick quiet "
    "rapid ready robust rustic sage serene sharp silent silver simple sleek smart snug sober solid spry stable "
    "steady stoic sturdy subtle sunny sure swift tender tidy tranquil trim trusty upbeat vivid warm wise witty "
    "worthy zealous zesty"
).split()
PEOPLE = (
    "abel agnesi allen archimedes babbage banach bardeen bartik bell bernoulli bohr boole borg brahmagupta carson "
    "cauchy cerf chandra church clarke cori cray curie dahl darwin dijkstra dirac easley edison einstein "
    "engelbart euclid euler faraday fermat fermi feynman franklin galileo galois gauss germain goedel goldberg "
    "goodall hamilton hawking heisenberg hertz hodgkin hopper hypatia jackson johnson joliot kalman kare keller "
    "kepler khayyam kilby knuth kovalevskaya lalande lamarr lamport leibniz liskov lovelace lumiere mayer "
    "mcclintock meitner mendel mirzakhani moore morse napier nash neumann newton nightingale noether nobel "
    "nygaard pascal pasteur perlman planck poincare ptolemy ramanujan ride ritchie rubin saha shannon shirley "
    "sinoussi snyder sutherland tesla thompson torvalds turing varahamihira villani volhard wescoff wiles wilson "
    "wing wozniak wright wu yonath"
).split()


def candidates(random: bytes) -> list[str]:
    """Return names to try in turn, from 6 random bytes: a plain one, then ones with a number."""
    adjective = ADJECTIVES[int.from_bytes(random[:2], "big") % len(ADJECTIVES)]
    person = PEOPLE[int.from_bytes(random[2:4], "big") % len(PEOPLE)]
    name = f"{adjective}_{person}"
    return [name, f"{name}{random[4] % 10}", f"{name}{int.from_bytes(random[4:6], 'big')}"]
