"""What tests and benchmark share: an image, servers on sockets of their own, clients, a look at what is left."""
