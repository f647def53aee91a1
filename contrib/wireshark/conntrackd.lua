-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Wireshark dissector for conntrackd's sync protocol, version 1 (doc/WIRE.md).
--
--   wireshark -X lua_script:conntrackd.lua     or a copy in ~/.local/lib/wireshark/plugins
--   tshark -X lua_script:conntrackd.lua -r sync.pcap -Y 'conntrackd.flags.nack'
--
-- UDP and TCP, port 3780; another port is a preference (conntrackd.port), or Decode As.

local proto = Proto("conntrackd", "conntrackd sync protocol")

local HEADER, RANGE, MESSAGE_MAX = 8, 16, 4096
local CTL, RESYNC, NACK, ACK, ALIVE = 10, 0x02, 0x04, 0x08, 0x10

proto.prefs.port = Pref.uint("Port", 3780, "UDP or TCP port of the dedicated link (Group, Port)")

-- ---- values ----

local TYPES = {[0] = "CT_NEW", [1] = "CT_UPD", [2] = "CT_DEL", [3] = "EXP_NEW", [4] = "EXP_UPD",
	[5] = "EXP_DEL", [10] = "CTL"}
local PROTOCOLS = {[1] = "ICMP", [2] = "IGMP", [6] = "TCP", [17] = "UDP", [33] = "DCCP", [47] = "GRE",
	[58] = "ICMPv6", [132] = "SCTP", [136] = "UDP-Lite"}
local TCP_STATES = {[0] = "NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK",
	"TIME_WAIT", "CLOSE", "SYN_SENT2"}
local SCTP_STATES = {[0] = "NONE", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED", "SHUTDOWN_SENT",
	"SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT", "HEARTBEAT_ACKED"}
local DCCP_STATES = {[0] = "NONE", "REQUEST", "RESPOND", "PARTOPEN", "OPEN", "CLOSEREQ", "CLOSING", "TIMEWAIT"}
local DCCP_ROLES = {[0] = "client", [1] = "server"}
-- By bit.
local STATUS = {[0] = "EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED", "SRC_NAT", "DST_NAT", "SEQ_ADJUST",
	"SRC_NAT_DONE", "DST_NAT_DONE", "DYING", "FIXED_TIMEOUT", "TEMPLATE", "NAT_CLASH", "HELPER", "OFFLOAD",
	"HW_OFFLOAD"}

-- ---- fields ----

local fields = {}

local function field(name, make, ...)
	local f = make("conntrackd." .. name, ...)
	fields[#fields + 1] = f
	return f
end

local f_version = field("version", ProtoField.uint8, "Version", base.DEC, nil, 0xf0)
local f_type = field("type", ProtoField.uint8, "Type", base.DEC, TYPES, 0x0f)
local f_flags = field("flags", ProtoField.uint8, "Flags", base.HEX)
local f_bits = {
	field("flags.resync", ProtoField.bool, "RESYNC", 8, nil, RESYNC),
	field("flags.nack", ProtoField.bool, "NACK", 8, nil, NACK),
	field("flags.ack", ProtoField.bool, "ACK", 8, nil, ACK),
	field("flags.alive", ProtoField.bool, "ALIVE", 8, nil, ALIVE),
	field("flags.hello", ProtoField.bool, "HELLO", 8, nil, 0x20),
	field("flags.hello_back", ProtoField.bool, "HELLO_BACK", 8, nil, 0x40),
}
local f_length = field("length", ProtoField.uint16, "Length", base.DEC)
local f_seq = field("seq", ProtoField.uint32, "Number", base.DEC)
local f_from = field("from", ProtoField.uint32, "From", base.DEC)
local f_to = field("to", ProtoField.uint32, "To", base.DEC)
local f_attr_length = field("attr.length", ProtoField.uint16, "Length", base.DEC)
local f_attr_number = field("attr.number", ProtoField.uint16, "Attribute", base.DEC)
local f_attr_value = field("attr.value", ProtoField.bytes, "Value")
local f_label = field("label", ProtoField.uint16, "Label", base.DEC)
local f_status_bit = field("status.bit", ProtoField.string, "Bit")

local expert_malformed = ProtoExpert.new("conntrackd.malformed", "Malformed message", expert.group.MALFORMED,
	expert.severity.ERROR)
local expert_version = ProtoExpert.new("conntrackd.other_version", "Another version of the protocol",
	expert.group.PROTOCOL, expert.severity.WARN)
local expert_unknown = ProtoExpert.new("conntrackd.attr.unknown", "Attribute that version 1 does not have",
	expert.group.UNDECODED, expert.severity.NOTE)
proto.experts = {expert_malformed, expert_version, expert_unknown}

-- ---- attributes ----

-- What an attribute holds, one after the other: {field, size, how}.  `how' is nil for network order, "le" for
-- the fields that the protocol swaps (doc/WIRE.md 3.2).
local function part(name, label, size, how, values)
	local make, display = ProtoField.uint32, base.DEC
	if size == 1 then
		make = ProtoField.uint8
	elseif size == 2 then
		make = ProtoField.uint16
	end
	if how == "ipv4" then
		return {field(name, ProtoField.ipv4, label), 4}
	elseif how == "ipv6" then
		return {field(name, ProtoField.ipv6, label), 16}
	elseif how == "hex" then
		display = base.HEX
	end
	return {field(name, make, label, display, values), size, how}
end

local function addresses(name, label, how)
	return {part(name .. ".src", label .. " source", 0, how), part(name .. ".dst", label .. " destination", 0, how)}
end

local function ports(name, label)
	return {part(name .. ".sport", label .. " source port", 2), part(name .. ".dport", label .. " destination port", 2)}
end

local function one(...)
	return {part(...)}
end

local function sequence(direction, label)
	return part("seqadj." .. direction .. ".position", label .. " correction position", 4),
		part("seqadj." .. direction .. ".before", label .. " offset before", 4),
		part("seqadj." .. direction .. ".after", label .. " offset after", 4)
end

local function seqadj()
	local a, b, c = sequence("orig", "Original")
	local d, e, f = sequence("reply", "Reply")
	return {a, b, c, d, e, f}
end

-- {name, parts}; the size of a value is that of its parts, but for strings and labels.
local FLOW = {
	[0] = {"IPV4", addresses("ip", "Original", "ipv4")},
	[1] = {"IPV6", addresses("ip6", "Original", "ipv6")},
	[2] = {"L4PROTO", one("proto", "Protocol", 1, nil, PROTOCOLS)},
	[3] = {"PORT", ports("orig", "Original")},
	[4] = {"TCP_STATE", one("tcp.state", "TCP state", 1, nil, TCP_STATES)},
	[5] = {"STATUS", one("status", "Status", 4, "hex"), "status"},
	[6] = {"TIMEOUT", one("timeout", "Timeout (s)", 4)},
	[7] = {"MARK", one("mark", "Mark", 4, "hex")},
	[8] = {"MASTER_IPV4", addresses("master.ip", "Master", "ipv4")},
	[9] = {"MASTER_IPV6", addresses("master.ip6", "Master", "ipv6")},
	[10] = {"MASTER_L4PROTO", one("master.proto", "Master protocol", 1, nil, PROTOCOLS)},
	[11] = {"MASTER_PORT", ports("master", "Master")},
	[12] = {"SNAT_IPV4", one("snat.ip", "Translated source", 4, "ipv4")},
	[13] = {"DNAT_IPV4", one("dnat.ip", "Translated destination", 4, "ipv4")},
	[14] = {"SPAT_PORT", one("spat", "Translated source port", 2, "le")},
	[15] = {"DPAT_PORT", one("dpat", "Translated destination port", 2, "le")},
	[16] = {"NAT_SEQ_ADJ", seqadj()},
	[17] = {"SCTP_STATE", one("sctp.state", "SCTP state", 1, nil, SCTP_STATES)},
	[18] = {"SCTP_VTAG_ORIG", one("sctp.vtag.orig", "Original verification tag", 4, "hex")},
	[19] = {"SCTP_VTAG_REPL", one("sctp.vtag.reply", "Reply verification tag", 4, "hex")},
	[20] = {"DCCP_STATE", one("dccp.state", "DCCP state", 1, nil, DCCP_STATES)},
	[21] = {"DCCP_ROLE", one("dccp.role", "DCCP role", 1, nil, DCCP_ROLES)},
	[22] = {"ICMP_TYPE", one("icmp.type", "ICMP type", 1)},
	[23] = {"ICMP_CODE", one("icmp.code", "ICMP code", 1)},
	[24] = {"ICMP_ID", one("icmp.id", "ICMP id", 2, "le")},
	[25] = {"TCP_WSCALE_ORIG", one("tcp.wscale.orig", "Original window scale", 1)},
	[26] = {"TCP_WSCALE_REPL", one("tcp.wscale.reply", "Reply window scale", 1)},
	[27] = {"HELPER_NAME", field("helper", ProtoField.stringz, "Helper"), "string", 12},
	[28] = {"LABELS", f_label, "labels"},
	[29] = {"SNAT_IPV6", one("snat.ip6", "Translated source", 16, "ipv6")},
	[30] = {"DNAT_IPV6", one("dnat.ip6", "Translated destination", 16, "ipv6")},
	[31] = {"SYNPROXY", {part("synproxy.its", "Synproxy its", 4), part("synproxy.isn", "Synproxy isn", 4),
		part("synproxy.tsoff", "Synproxy timestamp offset", 4)}},
	[32] = {"ZONE", one("zone", "Zone", 2)},
}

local EXPECT = {
	[0] = {"MASTER_IPV4", FLOW[8][2]},
	[1] = {"MASTER_IPV6", FLOW[9][2]},
	[2] = {"MASTER_L4PROTO", FLOW[10][2]},
	[3] = {"MASTER_PORT", FLOW[11][2]},
	[4] = {"EXPECT_IPV4", addresses("expect.ip", "Expected", "ipv4")},
	[5] = {"EXPECT_IPV6", addresses("expect.ip6", "Expected", "ipv6")},
	[6] = {"EXPECT_L4PROTO", one("expect.proto", "Expected protocol", 1, nil, PROTOCOLS)},
	[7] = {"EXPECT_PORT", ports("expect", "Expected")},
	[8] = {"MASK_IPV4", addresses("mask.ip", "Mask", "ipv4")},
	[9] = {"MASK_IPV6", addresses("mask.ip6", "Mask", "ipv6")},
	[10] = {"MASK_L4PROTO", one("mask.proto", "Mask of the protocol", 1)},
	[11] = {"MASK_PORT", ports("mask", "Mask")},
	[12] = {"TIMEOUT", FLOW[6][2]},
	[13] = {"FLAGS", one("expect.flags", "Expectation flags", 4, "hex")},
	[14] = {"CLASS", one("expect.class", "Class", 4)},
	[15] = {"NAT_IPV4", addresses("expect.nat.ip", "Translated", "ipv4")},
	[16] = {"NAT_PORT", ports("expect.nat", "Translated")},
	[17] = {"NAT_L4PROTO", one("expect.nat.proto", "Translated protocol", 1, nil, PROTOCOLS)},
	[18] = {"NAT_DIR", one("expect.nat.dir", "Direction of the translation", 4)},
	[19] = {"HELPER_NAME", FLOW[27][2], "string", 12},
	[20] = {"FN", field("expect.fn", ProtoField.stringz, "Function"), "string", 28},
}

proto.fields = fields

local function malformed(item, why)
	item:add_proto_expert_info(expert_malformed, why)
	return false
end

local function add_parts(tree, parts, value)
	local size = 0
	for _, p in ipairs(parts) do
		size = size + p[2]
	end
	if value:len() ~= size then
		return false
	end
	local at = 0
	for _, p in ipairs(parts) do
		if p[3] == "le" then
			tree:add_le(p[1], value(at, p[2]))
		else
			tree:add(p[1], value(at, p[2]))
		end
		at = at + p[2]
	end
	return true
end

-- A name for each bit that is set.
local function add_status(tree, value)
	local bits = value:uint()
	for i = 0, 15 do
		if math.floor(bits / 2 ^ i) % 2 == 1 then
			tree:add(f_status_bit, value, STATUS[i])
		end
	end
end

-- Words in network order; label i is bit i mod 32 of word i / 32.
local function add_labels(tree, value)
	for word = 0, math.floor(value:len() / 4) - 1 do
		local bits = value(4 * word, 4):uint()
		for i = 0, 31 do
			if math.floor(bits / 2 ^ i) % 2 == 1 then
				tree:add(f_label, value(4 * word, 4), 32 * word + i)
			end
		end
	end
end

-- False if the value cannot be one of this attribute.
local function add_value(tree, kind, value)
	if kind[3] == "string" then
		if value:len() > kind[4] or value:len() == 0 or value(value:len() - 1, 1):uint() ~= 0 then
			return false
		end
		tree:add(kind[2], value)
		return true
	elseif kind[3] == "labels" then
		add_labels(tree, value)
		return value:len() <= 1024
	end
	if not add_parts(tree, kind[2], value) then
		return false
	end
	if kind[3] == "status" then
		add_status(tree, value)
	end
	return true
end

-- doc/WIRE.md 3.6.
local function add_attributes(tree, tvb, kinds)
	local at = 0
	while tvb:len() - at > 4 do
		local length, number = tvb(at, 2):uint(), tvb(at + 2, 2):uint()
		local kind = kinds[number]
		if length < 4 or length > tvb:len() - at then
			return malformed(tree, "An attribute is longer than its message")
		end
		local padded = math.min(length + (4 - length % 4) % 4, tvb:len() - at)
		local item = tree:add(tvb(at, padded), kind and kind[1] or "Unknown attribute " .. number)
		item:add(f_attr_length, tvb(at, 2))
		item:add(f_attr_number, tvb(at + 2, 2))
		if kind == nil then
			item:add_proto_expert_info(expert_unknown)
			if length > 4 then
				item:add(f_attr_value, tvb(at + 4, length - 4))
			end
		elseif length == 4 and kind[3] == nil or length > 4 and not add_value(item, kind, tvb(at + 4, length - 4)) then
			return malformed(item, "The value of " .. kind[1] .. " has a wrong size")
		end
		at = at + padded
	end
	return true
end

-- ---- messages ----

local function has(flags, bit)
	return math.floor(flags / bit) % 2 == 1
end

-- doc/WIRE.md 2.2: what kind of message it is, as a word; nil if it is none.
local function classify(kind, flags)
	if kind <= 5 and not (has(flags, RESYNC) or has(flags, NACK) or has(flags, ACK) or has(flags, ALIVE)
			or has(flags, 0x01) or has(flags, 0x80)) then
		return TYPES[kind]
	elseif kind ~= CTL then
		return nil
	end
	return has(flags, ACK) and "ACK" or has(flags, NACK) and "NACK" or has(flags, RESYNC) and "RESYNC"
		or has(flags, ALIVE) and "ALIVE" or nil
end

local function add_header(tree, tvb)
	tree:add(f_version, tvb(0, 1))
	tree:add(f_type, tvb(0, 1))
	local flags = tree:add(f_flags, tvb(1, 1))
	for _, f in ipairs(f_bits) do
		flags:add(f, tvb(1, 1))
	end
	tree:add(f_length, tvb(2, 2))
	tree:add(f_seq, tvb(4, 4))
end

-- A range that ends before it begins is none.
local function add_range(tree, tvb)
	local from, to = tvb(8, 4):uint(), tvb(12, 4):uint()
	tree:add(f_from, tvb(8, 4))
	tree:add(f_to, tvb(12, 4))
	if (to - from) % 2 ^ 32 >= 2 ^ 31 then
		malformed(tree, "The range ends before it begins")
	end
	return string.format(" %u-%u", from, to)
end

-- One message, which is all of tvb.  What it is, for the info column.
local function add_message(tvb, tree)
	local version, kind = tvb:range(0, 1):bitfield(0, 4), tvb:range(0, 1):bitfield(4, 4)
	local flags, seq = tvb:range(1, 1):uint(), tvb:range(4, 4):uint()
	local item = tree:add(proto, tvb:range(), "conntrackd sync protocol")
	local class = classify(kind, flags)
	local text = string.format("%s %u", class or "?", seq)
	add_header(item, tvb:range())
	if version ~= 1 then
		item:add_proto_expert_info(expert_version)
		return "?"
	elseif class == nil then
		malformed(item, "Type and flags do not go together")
		return "?"
	elseif class == "ACK" or class == "NACK" or class == "RESYNC" then
		if tvb:len() < RANGE then
			malformed(item, "There is no room for a range")
			return "?"
		end
		text = text .. add_range(item, tvb:range())
	elseif kind ~= CTL and tvb:len() > HEADER then
		local body = tvb:range(HEADER)
		add_attributes(item, body, kind <= 2 and FLOW or EXPECT)
	end
	for _, hello in ipairs({{0x20, " HELLO"}, {0x40, " HELLO_BACK"}}) do
		if has(flags, hello[1]) then
			text = text .. hello[2]
		end
	end
	item:append_text(": " .. text)
	return text
end

local function show(pinfo, texts)
	pinfo.cols.protocol = "conntrackd"
	pinfo.cols.info = table.concat(texts, ", ")
end

-- A datagram: messages one after the other (doc/WIRE.md 1.5).
local function dissect_datagram(tvb, pinfo, tree)
	local at, texts = 0, {}
	while at < tvb:len() do
		local left = tvb:len() - at
		local length = left >= HEADER and tvb:range(at + 2, 2):uint() or 0
		if length < HEADER or length > left then
			local item = tree:add(proto, tvb:range(at), "conntrackd sync protocol: malformed")
			malformed(item, left < HEADER and "Less than a header is left" or "The length is wrong")
			texts[#texts + 1] = "?"
			break
		end
		texts[#texts + 1] = add_message(tvb:range(at, length):tvb(), tree)
		at = at + length
	end
	show(pinfo, texts)
	return tvb:len()
end

-- Of a stream: how long the message that begins here is.  No message is longer than MESSAGE_MAX.
local function message_length(tvb, pinfo, offset)
	local length = tvb:range(offset + 2, 2):uint()
	if length < HEADER or length > MESSAGE_MAX then
		return tvb:len() - offset
	end
	return length
end

local function dissect_streamed(tvb, pinfo, tree)
	return dissect_datagram(tvb, pinfo, tree)
end

function proto.dissector(tvb, pinfo, tree)
	if pinfo.port_type == 2 then
		dissect_tcp_pdus(tvb, tree, HEADER, message_length, dissect_streamed)
		return tvb:len()
	end
	return dissect_datagram(tvb, pinfo, tree)
end

-- ---- where ----

local port

local function register()
	local udp, tcp = DissectorTable.get("udp.port"), DissectorTable.get("tcp.port")
	if port ~= nil then
		udp:remove(port, proto)
		tcp:remove(port, proto)
	end
	port = proto.prefs.port
	udp:add(port, proto)
	tcp:add(port, proto)
end

function proto.prefs_changed()
	register()
end

register()
