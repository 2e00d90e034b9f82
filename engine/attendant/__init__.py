"""The one process that stays for networks: it answers containers' questions for names, and relays IPv6 ports.

An engine has one while containers are there that need it, and none otherwise. It knows nothing that is not in the state
that engine.network.attend hands to it over its control socket, together with the sockets: inside each container's
namespace one for questions by UDP and one by TCP at 127.0.0.11, on this machine one for each published IPv6 port that
leads to a container by no firewall. Whoever finds it gone starts the next one and hands all over again.

It imports next to nothing, because what it imports stays in memory: no asyncio, no socket (but _socket), no struct.
"""
