"""A world in memory: feeds in C, the simulated exchange, pipes between them, virtual time, faults by seed.

For: whole lives of a feed with everything that a network and a venue can do to it, thousands of them in minutes.  Not for sockets, TLS or
processes: those have tests of their own on real ones.

    truth.py     a market that remembers every book it ever had, by update id
    pipes.py     one TCP connection without TCP: delays, cuts, silence; and peers that are no exchange
    options.py   what a feed is made with
    actor.py     one C feed over plain memory, with what stands in for its host and its control plane
    judge.py     reads all that the feed publishes, and compares it with the truth
    world.py     time: who steps when, and a plan of faults made from a seed

The judge's rule: whatever a reader may call valid equals the true book at that update id, to the published depth.
"""
