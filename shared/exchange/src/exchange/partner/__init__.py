"""For whoever builds the other side: a check of its endpoint, and a partner to build it against.

`exchange-check URL` plays a peer and says which promises an implementation breaks; `exchange-simulator` plays a
partner whose line and habits are as bad as one asks for. See docs/exchange-partner.md.
"""
