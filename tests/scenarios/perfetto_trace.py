"""Reads a trace of Perfetto strictly: each message by the field numbers of its .proto, whatever is not known there,
cut off, or no UTF-8 is an error. What is read are plain dicts and lists; interned texts stand where their number was."""
import struct

VARINT, FIXED64, TEXT, LIST = "varint", "fixed64", "text", "list of "
INTERNED = {1: ("iid", VARINT), 2: ("text", TEXT)}
ANNOTATION = {1: ("name_iid", VARINT), 2: ("bool", VARINT), 3: ("uint", VARINT), 4: ("int", "int"), 5: ("double", "double"),
              6: ("string", TEXT), 17: ("string_iid", VARINT)}
ANNOTATION |= {11: ("dict", [ANNOTATION]), 12: ("array", [ANNOTATION])}
CLOCK = {1: ("id", VARINT), 2: ("timestamp", VARINT)}
PROCESS = {1: ("pid", VARINT), 2: ("cmdline", [TEXT]), 6: ("name", TEXT), 7: ("start", VARINT)}
THREAD = {1: ("pid", VARINT), 2: ("tid", VARINT), 5: ("name", TEXT)}
TRACK = {1: ("uuid", VARINT), 2: ("name", TEXT), 3: ("process", PROCESS), 4: ("thread", THREAD), 5: ("parent", VARINT),
         8: ("counter", {}), 14: ("description", TEXT), 15: ("merge", VARINT)}
EVENT = {3: ("category_iid", VARINT), 4: ("annotations", [ANNOTATION]), 9: ("type", VARINT), 10: ("name_iid", VARINT),
         11: ("track", VARINT), 23: ("name", TEXT), 30: ("counter", "int"), 44: ("counter", "double"), 47: ("flows", [FIXED64])}
FRESH = {1: ("categories", [INTERNED]), 2: ("names", [INTERNED]), 3: ("keys", [INTERNED]), 29: ("strings", [INTERNED])}
PACKET = {6: ("clocks", {1: ("clocks", [CLOCK]), 2: ("primary", VARINT)}), 8: ("ts", VARINT), 10: ("sequence", VARINT),
          11: ("event", EVENT), 12: ("fresh", FRESH), 13: ("flags", VARINT), 59: ("defaults", {58: ("clock", VARINT)}),
          60: ("track", TRACK), 89: ("uuid", {1: ("msb", VARINT), 2: ("lsb", VARINT)})}
BEGIN, END, INSTANT, COUNTER = 1, 2, 3, 4


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def decode(data, message):
    result, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        name, kind = message[tag >> 3]
        many = isinstance(kind, list)
        kind = kind[0] if many else kind
        if tag & 7 == 0 and kind in (VARINT, "int"):
            value, at = varint(data, at)
            value = value - (1 << 64) if kind == "int" and value >> 63 else value
        elif tag & 7 == 1 and kind in (FIXED64, "double"):
            value, at = struct.unpack_from("<d" if kind == "double" else "<Q", data, at)[0], at + 8
        elif tag & 7 == 2 and (kind == TEXT or isinstance(kind, dict)):
            length, at = varint(data, at)
            if at + length > len(data):
                raise ValueError(f"{name}: {length} bytes, {len(data) - at} are left")
            part, at = data[at:at + length], at + length
            value = part.decode() if kind == TEXT else decode(part, kind)
        else:
            raise ValueError(f"{name}: wire type {tag & 7} for {kind}")
        if many:
            result.setdefault(name, []).append(value)
        elif name in result:
            raise ValueError(f"{name}: twice")
        else:
            result[name] = value
    return result


class PerfettoTrace:
    """clocks: {clock: ns at time 0}; tracks: by uuid; events: [{"ns", "type", "track", "name", "category", "args", "flows"}]
    in the order of a reader, which sorts by time and leaves equal ones as they are."""

    def __init__(self, data):
        packets = decode(data, {1: ("packets", [PACKET])})["packets"]
        first = packets[0]
        self.clocks = {c["id"]: c["timestamp"] for c in first["clocks"]["clocks"]}
        self.clock = (first["clocks"]["primary"], first["defaults"]["clock"])
        self.flags = [p["flags"] for p in packets]
        self.sequences = {p["sequence"] for p in packets}
        self.tracks = {p["track"]["uuid"]: p["track"] for p in packets if "track" in p}
        self.described = [p["track"]["uuid"] for p in packets if "track" in p]
        self.known = {"categories": {}, "names": {}, "keys": {}, "strings": {}}
        self.events = sorted((self.event(p) for p in packets if "event" in p), key=lambda e: e["ns"])

    def event(self, packet):
        for kind, texts in packet.get("fresh", {}).items():
            for text in texts:
                if text["iid"] in self.known[kind]:
                    raise ValueError(f"{kind}: {text['iid']} has two meanings")
                self.known[kind][text["iid"]] = text["text"]
        e = packet["event"]
        name = self.known["names"][e["name_iid"]] if "name_iid" in e else e.get("name")
        category = self.known["categories"][e["category_iid"]] if "category_iid" in e else None
        return {"ns": packet["ts"] - self.clocks[self.clock[1]], "type": e["type"], "track": e["track"], "name": name,
                "category": category, "counter": e.get("counter"), "flows": e.get("flows", []),
                "args": self.members(e.get("annotations", []))}

    def members(self, annotations):
        return {self.known["keys"][a["name_iid"]]: self.value(a) for a in annotations}

    def value(self, a):
        if "dict" in a:
            return self.members(a["dict"])
        if "array" in a:
            return [self.value(item) for item in a["array"]]
        if "string_iid" in a:
            return self.known["strings"][a["string_iid"]]
        return bool(a["bool"]) if "bool" in a else next(a[k] for k in ("uint", "int", "double", "string") if k in a)

    def slices(self):
        """(track, name, from, to) of each; an error if one has no end, or an end no beginning."""
        opened, found = {}, []
        for e in self.events:
            stack = opened.setdefault(e["track"], [])
            if e["type"] == BEGIN:
                stack.append(e)
            elif e["type"] == END:
                begin = stack.pop()
                found.append((e["track"], begin["name"], begin["ns"], e["ns"]))
        if any(opened.values()):
            raise ValueError(f"without an end: {[s for s in opened.values() if s]}")
        return found
