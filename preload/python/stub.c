/*
 * stub.c: what the copied code reads (stub.S), and that it is where that code
 * looks for it.
 */
#include "preload/python/stub.h"
#include "preload/python/writes.h"

#include <stddef.h>

#if defined __x86_64__

#define AT(number, type, field) static_assert((number) == offsetof(type, field), #field)
AT(STUB_HOLDER, struct stub_data, holder);
AT(STUB_SPOTS, struct stub_data, spots);
AT(STUB_INT, struct stub_data, int_type);
AT(STUB_SELF, struct stub_data, self);
AT(STUB_SHARED, struct stub_data, shared);
AT(STUB_LINEAGE, struct stub_data, lineage);
AT(0, struct self, task);
AT(STUB_SELF_BUSY, struct self, busy);
AT(STUB_PAGE_SEQ, struct ft_page, seq);
AT(STUB_SPOT_DICT, struct spot, dict);
AT(STUB_SPOT_KEY, struct spot, key);
AT(STUB_SPOT_HASH, struct spot, hash);
AT(STUB_SPOT_KEYS, struct spot, keys);
AT(STUB_SPOT_AT, struct spot, name_is_at);
AT(STUB_SPOT_NAMED, struct spot, name_object);
AT(STUB_SPOT_CODE, struct spot, code);
AT(STUB_SPOT_INSTR, struct spot, instruction);
AT(STUB_SPOT_NAME, struct spot, name);
AT(STUB_SPOT_SLOT, struct spot, slot);
AT(STUB_SPOT_SEQ, struct spot, seq);
AT(STUB_SPOT_FILE, struct spot, file);
AT(STUB_SPOT_FILE + 4, struct spot, line);
AT(STUB_SPOT_EVENT, struct spot, event);
AT(STUB_SPOT_PAGE, struct spot, page);
AT(STUB_SPOT_SITE, struct spot, site);
AT(STUB_WRITES, struct stub_data, writes);
AT(STUB_SELF_LANE, struct self, lane);
AT(STUB_LANE_HELD, struct lane, held);
AT(STUB_LANE_LOCK, struct lane, lock[0].address);
AT(STUB_LANE_LOCK + STUB_LOCK_SIZE, struct lane, lock[1].address);
AT(STUB_SPOT_HELD, struct spot, held);
AT(STUB_SPOT_LOCK, struct spot, lock);
AT(0, struct writes, cursor);
AT(0, struct ft_c_entry, stamp);
AT(8, struct ft_c_entry, value);
AT(STUB_NAME_VERSION, struct name, version);
AT(STUB_NAME_OBJECT, struct name, object);
AT(STUB_NAME_BITS, struct name, bits);
AT(STUB_NAME_KIND, struct name, kind);
AT(STUB_SLOT_TIME, struct ft_py_global, head.time);
AT(STUB_SLOT_WRITES, struct ft_py_global, writes);
AT(STUB_SLOT_VALUE, struct ft_py_global, value);
AT(STUB_SLOT_KIND, struct ft_py_global, kind);
AT(STUB_SLOT_WRITER, struct ft_py_global, writer);
AT(STUB_SLOT_FILE, struct ft_py_global, file);
AT(STUB_SLOT_FILE + 4, struct ft_py_global, line);
#define IS(number, value) static_assert((number) == (value), #value)
IS(STUB_PAGE, FT_PAGE);
IS(16, sizeof(struct ft_c_entry));
IS(FT_C_STAMP(0x123456ull, 7), 0x123450007ull);
IS(1 << STUB_SPOT_BITS, sizeof(struct spot));
IS(STUB_SPOT_MASK, SPOTS - 1);
IS(STUB_KIND_INT, (int)FT_PY_KIND_int);
IS(STUB_BUCKETS_MASK, MODULE_BUCKETS - 1);
IS(STUB_DICT_KEYS, (int)MA_KEYS);
IS(STUB_OB_TYPE, (int)OB_TYPE);
IS(STUB_OB_SIZE, (int)OB_SIZE);
IS(STUB_DIGITS, (int)DIGITS);
IS(STUB_TS_CFRAME, (int)TS_CFRAME_311);
IS(STUB_CFRAME_FRAME, (int)CFRAME_FRAME_311);
IS(STUB_F_CODE, (int)F_CODE_311);
IS(STUB_F_INSTR, (int)F_INSTR_311);

#define STUB(name)                                                     \
    extern const uint8_t name##_begin[], name##_entry[], name##_end[]; \
    const struct stub name = {name##_begin, name##_entry, name##_end};
STUB(stub_plain)
STUB(stub_filtered)
STUB(stub_bind)

/* Read as a thread state: one whose frame is NULL. */
static const void *const nobody[8];
static const void *const nowhere[8] = {[TS_CFRAME_311 / 8] = nobody};
static const void *const to_nowhere = nowhere;

struct stub_data stub_data = {.holder = &to_nowhere};

void stub_arm(const void *const *holder)
{
    if (ft.clock != FT_CLOCK_TSC) return;
    stub_data.spots = spots();
    stub_data.int_type = python.PyLong_Type;
    stub_data.self = (const char *)&self - (const char *)__builtin_thread_pointer();
    stub_data.writes = (const char *)&writes - (const char *)__builtin_thread_pointer();
    stub_data.shared = &self_shared_tls;
    stub_data.lineage = &ft.current[FT_LINEAGE];
    __atomic_store_n(&stub_data.holder, holder, __ATOMIC_RELEASE);
}

#endif
