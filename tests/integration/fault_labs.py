# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults of two whole firewalls, with keepalived and live connections through them."""

import contextlib
import time

from fault_scenarios import start_again
from lab import Lab
from space import LabError, wait_until

SURVIVE_S = 20      # TCP's retransmission timer has backed off by the time the path is back


def flowing(lab, connections, **options):
    """A running pair with fw1 as master, and connections through it that fw2 knows."""
    lab.start_pair(**options)
    traffic = lab.start_traffic()
    opened = traffic.ask("open", n=connections)["opened"]
    if opened != connections:
        raise LabError("only %d of %d connections" % (opened, connections))
    lab.replicated(lab.fw1, lab.fw2)
    traffic.ask("reset")
    return traffic


def survivors(traffic, wait_s=SURVIVE_S):
    """Connections over which something goes and comes back, sent from now on."""
    return traffic.ask("wait", timeout_s=wait_s + 10, since=time.monotonic(), wait_s=wait_s)["alive"]


def restart_on_the_backup(binary, connections=200, mode="FTFW", kill=False, patience_s=8):
    """The backup's daemon is started anew (by order, or after `kill -9'); then the master dies."""
    with Lab((binary, binary)) as lab:
        traffic = flowing(lab, connections, mode=mode)
        if kill:
            lab.fw2.kill_daemon()
            lab.fw2.left_behind = lambda: ["/run/lock/conntrack.lock", "/run/conntrackd.ctl"]
        else:
            lab.fw2.stop_daemon()
            lab.fw2.left_behind = list
        started = start_again(lab.fw2)
        try:
            lab.replicated(lab.fw1, lab.fw2, patience_s)
        except LabError:
            pass
        lab.fw1.crash()
        lab.wait_master(lab.fw2)
        return {"survived": survivors(traffic), "of": connections, "started": started}


def apart(lab, yes):
    """The two firewalls do not hear each other, on no interface; client and server hear both."""
    for dev in ("eth0", "eth1", "eth2"):
        lab.silence(dev, yes)


def one_master(lab):
    """The one that holds the addresses, once the other has given them away."""
    return wait_until(lambda: [fw for fw in lab.fws if fw.has_vips()]
                      if sum(fw.has_vips() for fw in lab.fws) == 1 else None, 20, "one master", 0.1)[0]


def split_brain(binary, connections=100, mode="FTFW", apart_s=6.0, patience_s=30):
    """The firewalls lose sight of each other: both are master, both commit.  Connections come and go.  Then
    they see each other again, and the one that stays runs its script again."""
    with Lab((binary, binary)) as lab:
        traffic = flowing(lab, connections, mode=mode)
        apart(lab, True)
        lab.wait_master(lab.fw2, 20)
        both = all(fw.has_vips() for fw in lab.fws)
        traffic.ask("open", n=connections // 2)
        traffic.ask("close", n=connections // 2)
        time.sleep(apart_s)
        alive_apart = survivors(traffic)
        apart(lab, False)
        master = one_master(lab)
        backup = lab.other(master)
        # keepalived tells the one that stays nothing of this, so somebody has to run its script for a master
        # once more: its kernel is to have the other's connections, and to forget which bytes it has seen.
        with contextlib.suppress(LabError):
            # In ALARM the other one says all flows again within RefreshTime, and not at once.
            wait_until(lambda: len(master.dump("-e", " ESTABLISHED ")) >= connections, patience_s,
                       "it knows them", 0.2)
        time.sleep(1)
        before = len(master.notify_log())
        master.space.run("/etc/conntrackd/notify.sh", "master")
        committed = next(int(text.split("rc=")[1].split()[0]) for _, text in master.notify_log()[before:]
                         if text.startswith("-c "))
        alive = survivors(traffic)
        total = traffic.ask("stats")["total"]
        # What ended is still on its way out in either kernel: only live connections can agree.
        seen = [None]

        def agree():
            have = {key for key, f in master.flows().items() if f.get("tcp", (0,))[0] == 3}
            known = {line.split("sport=")[1].split()[0] for line in backup.dump("-e")
                     if " ESTABLISHED " in line}
            have = {str(key[0][3]) for key in have}
            seen[0] = (len(have - known), len(known - have))
            return seen[0] == (0, 0)
        start = time.monotonic()
        try:
            wait_until(agree, patience_s, "the backup knows what the master has", 0.2)
        except LabError:
            pass
        took = time.monotonic() - start
        # And the next failover, after all that.
        master.crash()
        lab.wait_master(backup)
        after = survivors(traffic)
        return {"both": both, "commit": committed, "total": total, "alive_apart": alive_apart,
                "alive": alive, "found": seen[0], "seconds": took, "after": after}


def end_what_is_closed(fw):
    """What is left of closed connections in the kernel goes, as it would in two minutes."""
    with fw.table() as table:
        for flow in table.dump():
            if flow.get("tcp", (0,))[0] > 3:
                table.delete(flow)


def failovers(binary, count=72, connections=50, mode="FTFW"):
    """So many failovers in a row, orderly ones, while a part of the connections is replaced."""
    with Lab((binary, binary)) as lab:
        traffic = flowing(lab, connections, mode=mode)
        master, silent, done = lab.fw1, 0, 0
        for _ in range(count):
            old, master = master, lab.other(master)
            old.stop_keepalived()
            lab.wait_master(master)
            alive = survivors(traffic)
            silent = max(silent, traffic.ask("stats")["total"] - alive)
            before = len(old.notify_log())
            old.start_keepalived()
            wait_until(lambda old=old, before=before: any(
                text == "DONE backup" for _, text in old.notify_log()[before:]), 15, "backup")
            traffic.ask("close", n=5)
            traffic.ask("open", n=5)
            time.sleep(1)
            end_what_is_closed(master)
            lab.replicated(master, old)
            done += 1
        stats = traffic.ask("stats")
        return {"failovers": done, "silent": silent, "broken": sum(stats["failed"].values()),
                "connections": stats["total"] + stats["closed"]}
