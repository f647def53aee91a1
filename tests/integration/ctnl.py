# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's conntrack table over a raw netlink socket: read, create, delete.

The tests compare tables field by field, so they must see what the kernel says and not what a tool
prints.  Facts: linux/netfilter/nfnetlink_conntrack.h.  A flow is a dict:

    family   4 or 6
    orig, reply   tuples (src, dst, proto, a, b, c): ports a and b; for ICMP id, type, code
    status   bits of enum ip_conntrack_status
    tcp      (state, wscale orig, wscale reply, flags orig, flags reply)
    sctp     (state, vtag orig, vtag reply)
    mark, zone, timeout, id, use, helper, labels (bytes), master (a tuple)

Keys are present when the kernel sent the attribute.
"""

import errno
import os
import socket
import struct

from space import LabError

NETLINK_NETFILTER = 12
NFNL_SUBSYS_CTNETLINK = 1
CT_NEW, CT_GET, CT_DELETE = 0, 1, 2
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300
NLM_F_CREATE, NLM_F_EXCL = 0x400, 0x200
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLA_NESTED, NLA_TYPE_MASK = 0x8000, 0x3FFF

(TUPLE_ORIG, TUPLE_REPLY, STATUS, PROTOINFO, HELP, NAT_SRC, TIMEOUT, MARK, _, _, USE, ID, NAT_DST,
 TUPLE_MASTER, SEQ_ORIG, SEQ_REPLY, _, ZONE, _, _, _, LABELS, LABELS_MASK) = range(1, 24)

# enum ip_conntrack_status
SEEN_REPLY, ASSURED, CONFIRMED, SRC_NAT, DST_NAT = 0x2, 0x4, 0x8, 0x10, 0x20
SRC_NAT_DONE, DST_NAT_DONE, HELPER = 0x80, 0x100, 0x2000

TCP_STATES = ("NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK",
              "TIME_WAIT", "CLOSE", "SYN_SENT2")


def attrs(data):
    """{type: payload} of a run of netlink attributes."""
    found, at, end = {}, 0, len(data)
    while at + 4 <= end:
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4 or at + length > end:
            raise LabError("netlink attribute runs over its end")
        found[kind & NLA_TYPE_MASK] = data[at + 4:at + length]
        at += (length + 3) & ~3
    return found


def attr(kind, payload):
    pad = -len(payload) % 4
    return struct.pack("=HH", len(payload) + 4, kind) + payload + b"\0" * pad


def nest(kind, *parts):
    return attr(kind | NLA_NESTED, b"".join(parts))


def parse_tuple(data):
    parts = attrs(data)
    ip, proto = attrs(parts[1]), attrs(parts[2])
    if 1 in ip:
        src, dst = socket.inet_ntop(socket.AF_INET, ip[1]), socket.inet_ntop(socket.AF_INET, ip[2])
    else:
        src = socket.inet_ntop(socket.AF_INET6, ip[3])
        dst = socket.inet_ntop(socket.AF_INET6, ip[4])

    def be16(kind):
        return struct.unpack(">H", proto[kind])[0] if kind in proto else 0

    number = proto[1][0]
    if number == socket.IPPROTO_ICMP:
        return (src, dst, number, be16(4), proto[5][0], proto[6][0])
    if number == socket.IPPROTO_ICMPV6:
        return (src, dst, number, be16(7), proto[8][0], proto[9][0])
    return (src, dst, number, be16(2), be16(3), 0)


def parse_flow(family, data):
    """One ctnetlink message body (after nfgenmsg) as a dict."""
    top = attrs(data)
    flow = {"family": 4 if family == socket.AF_INET else 6,
            "orig": parse_tuple(top[TUPLE_ORIG]), "reply": parse_tuple(top[TUPLE_REPLY])}
    for key, kind in (("status", STATUS), ("timeout", TIMEOUT), ("mark", MARK), ("use", USE),
                      ("id", ID)):
        if kind in top:
            flow[key] = struct.unpack(">I", top[kind])[0]
    if ZONE in top:
        flow["zone"] = struct.unpack(">H", top[ZONE])[0]
    if HELP in top:
        flow["helper"] = attrs(top[HELP])[1].rstrip(b"\0").decode()
    if LABELS in top and top[LABELS].strip(b"\0"):
        flow["labels"] = top[LABELS]
    if TUPLE_MASTER in top:
        flow["master"] = parse_tuple(top[TUPLE_MASTER])
    if PROTOINFO in top:
        info = attrs(top[PROTOINFO])
        if 1 in info:
            tcp = attrs(info[1])
            flow["tcp"] = (tcp[1][0], tcp.get(2, b"\0")[0], tcp.get(3, b"\0")[0],
                           tcp.get(4, b"\0")[0], tcp.get(5, b"\0")[0])
        if 3 in info:
            sctp = attrs(info[3])
            flow["sctp"] = (sctp[1][0], *(struct.unpack(">I", sctp[i])[0] for i in (2, 3)))
    return flow


def build_tuple(kind, tup):
    src, dst, proto, a, b, c = tup
    family = socket.AF_INET6 if ":" in src else socket.AF_INET
    base = 3 if ":" in src else 1
    ip = nest(1, attr(base, socket.inet_pton(family, src)),
              attr(base + 1, socket.inet_pton(family, dst)))
    parts = [attr(1, bytes([proto]))]
    if proto in (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6):
        first = 4 if proto == socket.IPPROTO_ICMP else 7
        parts += [attr(first, struct.pack(">H", a)), attr(first + 1, bytes([b])),
                  attr(first + 2, bytes([c]))]
    else:
        parts += [attr(2, struct.pack(">H", a)), attr(3, struct.pack(">H", b))]
    return nest(kind, ip, nest(2, *parts))


def reverse(tup):
    """The reply tuple of a flow without NAT."""
    src, dst, proto, a, b, c = tup
    if proto == socket.IPPROTO_ICMP:
        return (dst, src, proto, a, {8: 0, 13: 14, 15: 16, 17: 18}.get(b, b), c)
    if proto == socket.IPPROTO_ICMPV6:
        return (dst, src, proto, a, {128: 129}.get(b, b), c)
    return (dst, src, proto, b, a, c)


def build_flow(flow):
    """The attributes that create flow.  `snat'/`dnat': (address, port or 0)."""
    u32 = struct.Struct(">I").pack
    out = [build_tuple(TUPLE_ORIG, flow["orig"]),
           build_tuple(TUPLE_REPLY, flow.get("reply") or reverse(flow["orig"])),
           attr(TIMEOUT, u32(flow.get("timeout", 600)))]
    if flow.get("status"):
        out.append(attr(STATUS, u32(flow["status"] | CONFIRMED)))
    if "tcp" in flow:
        state, wo, wr, fo, fr = flow["tcp"]
        out.append(nest(PROTOINFO, nest(1, attr(1, bytes([state])), attr(2, bytes([wo])),
                                        attr(3, bytes([wr])), attr(4, bytes([fo, fo])),
                                        attr(5, bytes([fr, fr])))))
    if "sctp" in flow:
        state, vo, vr = flow["sctp"]
        out.append(nest(PROTOINFO, nest(3, attr(1, bytes([state])), attr(2, u32(vo)),
                                        attr(3, u32(vr)))))
    if "mark" in flow:
        out.append(attr(MARK, u32(flow["mark"])))
    if "zone" in flow:
        out.append(attr(ZONE, struct.pack(">H", flow["zone"])))
    if "helper" in flow:
        out.append(nest(HELP, attr(1, flow["helper"].encode() + b"\0")))
    if "labels" in flow:
        out.append(attr(LABELS, flow["labels"]))
    if "master" in flow:
        out.append(build_tuple(TUPLE_MASTER, flow["master"]))
    for key, kind in (("snat", NAT_SRC), ("dnat", NAT_DST)):
        if key in flow:
            address, port = flow[key]
            v6 = ":" in address
            raw = socket.inet_pton(socket.AF_INET6 if v6 else socket.AF_INET, address)
            parts = [attr(4 if v6 else 1, raw), attr(5 if v6 else 2, raw)]
            if port:
                port = struct.pack(">H", port)
                parts.append(nest(3, attr(1, port), attr(2, port)))
            out.append(nest(kind, *parts))
    return b"".join(out)


class Table:
    """The conntrack table of one Space."""

    def __init__(self, space):
        self.sock = space.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC,
                                 NETLINK_NETFILTER)
        self.sock.settimeout(10)
        self.sock.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)  # SO_RCVBUFFORCE
        self.sock.bind((0, 0))
        self.seq = 0

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def message(self, kind, flags, family, body):
        self.seq += 1
        body = struct.pack("=BBH", family, 0, 0) + body
        return struct.pack("=IHHII", 16 + len(body), NFNL_SUBSYS_CTNETLINK << 8 | kind,
                           flags | NLM_F_REQUEST, self.seq, 0) + body

    def replies(self):
        """Messages until the end of the answer, as (type, family, body after nfgenmsg)."""
        while True:
            data = self.sock.recv(1 << 18)
            at = 0
            while at + 16 <= len(data):
                length, kind, _, seq, _ = struct.unpack_from("=IHHII", data, at)
                body = data[at + 16:at + length]
                at += (length + 3) & ~3
                if seq != self.seq:
                    continue
                if kind == NLMSG_DONE:
                    return
                if kind == NLMSG_ERROR:
                    code = -struct.unpack_from("=i", body)[0]
                    if code:
                        raise OSError(code, "ctnetlink: " + os.strerror(code))
                    return
                yield kind, body[0], body[4:]

    def dump(self):
        """Every flow, as a list of dicts."""
        for attempt in range(5):
            self.sock.sendall(self.message(CT_GET, NLM_F_DUMP, socket.AF_UNSPEC, b""))
            try:
                return [parse_flow(family, body) for _, family, body in self.replies()]
            except OSError as error:
                if error.errno not in (errno.EINTR, errno.EAGAIN) or attempt == 4:
                    raise
        return []

    def flows(self, keep=None):
        """{(orig tuple, zone): flow} for the flows that keep(flow) accepts."""
        return {(f["orig"], f.get("zone", 0)): f for f in self.dump() if not keep or keep(f)}

    def count(self, keep=None):
        return len(self.flows(keep))

    def create(self, flow):
        """Create one flow; OSError with the kernel's errno."""
        family = socket.AF_INET6 if ":" in flow["orig"][0] else socket.AF_INET
        self.sock.sendall(self.message(CT_NEW, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, family,
                                       build_flow(flow)))
        for _ in self.replies():
            pass

    def set_mark(self, flow, mark):
        family = socket.AF_INET6 if ":" in flow["orig"][0] else socket.AF_INET
        self.sock.sendall(self.message(CT_NEW, NLM_F_ACK, family, build_flow(
            {"orig": flow["orig"], "mark": mark, "timeout": flow.get("timeout", 600)})))
        for _ in self.replies():
            pass

    def delete(self, flow):
        family = socket.AF_INET6 if ":" in flow["orig"][0] else socket.AF_INET
        body = build_tuple(TUPLE_ORIG, flow["orig"])
        if flow.get("zone"):
            body += attr(ZONE, struct.pack(">H", flow["zone"]))
        self.sock.sendall(self.message(CT_DELETE, NLM_F_ACK, family, body))
        for _ in self.replies():
            pass


# What two kernels may differ in for the same flow: bookkeeping of the one kernel, and what the wire
# does not carry (window scale and flags without TCPWindowTracking).
VOLATILE = ("id", "use", "timeout")


def comparable(flow, wscale=False):
    """The flow without what legitimately differs between two firewalls."""
    out = {k: v for k, v in flow.items() if k not in VOLATILE}
    if "tcp" in out:
        out["tcp"] = out["tcp"][:3] if wscale else out["tcp"][:1]
    if not out.get("mark"):
        out.pop("mark", None)
    if not out.get("zone"):
        out.pop("zone", None)
    return out


def differences(expected, found, wscale=False, traffic_went_on=True):
    """Readable lines: flows missing, flows too many, fields that differ.  Empty means equal."""
    lines = ["missing: %s" % (key,) for key in expected if key not in found]
    lines += ["too many: %s" % (flow,) for key, flow in found.items() if key not in expected]
    for key in expected:
        if key in found:
            a, b = comparable(expected[key], wscale), comparable(found[key], wscale)
            if key[0][2] == socket.IPPROTO_UDP and traffic_went_on:
                # The kernel gives ASSURED after two seconds of traffic, so packets that came
                # through the new firewall may have earned it since.
                for side in (a, b):
                    side["status"] &= ~ASSURED
            for field in sorted(a.keys() | b.keys()):
                if a.get(field) != b.get(field):
                    lines.append("%s: %s %r, expected %r" % (key[0], field, b.get(field),
                                                             a.get(field)))
    return lines
