# SPDX-License-Identifier: GPL-2.0-or-later
"""Thousands of flows at once: made in a kernel, and counted there and in the caches."""

SOURCES = "10."


def flows(n):
    """n established TCP connections that nobody ends meanwhile."""
    return ({"orig": ("%s%d.%d.%d" % (SOURCES, i >> 16 & 255, i >> 8 & 255, i & 255),
                      "192.168.0.10", 6, 1024 + i % 60000, 80, 0), "tcp": (3, 0, 0, 0, 0),
             "status": 6, "timeout": 3000} for i in range(n))


def in_kernel(fw):
    """How many of them the kernel of a firewall has."""
    with fw.table() as table:
        return table.count(lambda f: f["orig"][0].startswith(SOURCES))


def cached(fw, which):
    """How many flows a cache has; which is internal or external."""
    block = fw.ct("-s", check=True).stdout.split("cache %s:" % which)[1]
    return int(block.split("current active connections:")[1].split()[0])
