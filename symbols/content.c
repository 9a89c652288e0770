/*
 * content.c: what an ELF file holds: bytes at an address, places in the file, sections.
 */
#include "private.h"

#include <string.h>
#include <unistd.h>

bool symbols_file_offset(struct symbols *s, uint64_t address, uint64_t *offset)
{
    size_t count;
    if (elf_getphdrnum(s->file.elf, &count)) return false;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr segment;
        if (!gelf_getphdr(s->file.elf, (int)i, &segment) || segment.p_type != PT_LOAD) continue;
        if (address < segment.p_vaddr || address - segment.p_vaddr >= segment.p_filesz) continue;
        *offset = segment.p_offset + (address - segment.p_vaddr);
        return true;
    }
    return false;
}

bool symbols_bytes(struct symbols *s, uint64_t address, void *bytes, size_t size)
{
    uint64_t first, last;
    if (!size || !symbols_file_offset(s, address, &first) ||
        !symbols_file_offset(s, address + size - 1, &last) || last - first != size - 1 || first > INT64_MAX)
        return false;
    return pread(s->file.fd, bytes, size, (off_t)first) == (ssize_t)size;
}

bool symbols_first_address(struct symbols *s, uint64_t *address)
{
    size_t count;
    bool found = false;
    if (elf_getphdrnum(s->file.elf, &count)) return false;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr header;
        if (!gelf_getphdr(s->file.elf, (int)i, &header) || header.p_type != PT_LOAD) continue;
        if (!found || header.p_vaddr < *address) *address = header.p_vaddr;
        found = true;
    }
    return found;
}

bool symbols_section(struct symbols *s, const char *name)
{
    size_t names;
    if (elf_getshdrstrndx(s->file.elf, &names)) return false;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(s->file.elf, section));) {
        GElf_Shdr header;
        const char *its =
            gelf_getshdr(section, &header) ? elf_strptr(s->file.elf, names, header.sh_name) : NULL;
        if (its && !strcmp(its, name)) return true;
    }
    return false;
}

bool symbols_needs(struct symbols *s, const char *library)
{
    for (Elf_Scn *section = NULL; (section = elf_nextscn(s->file.elf, section));) {
        GElf_Shdr header;
        GElf_Dyn entry;
        if (!gelf_getshdr(section, &header) || header.sh_type != SHT_DYNAMIC) continue;
        Elf_Data *data = elf_getdata(section, NULL);
        for (int i = 0; data && gelf_getdyn(data, i, &entry) && entry.d_tag != DT_NULL; i++) {
            const char *name =
                entry.d_tag == DT_NEEDED ? elf_strptr(s->file.elf, header.sh_link, entry.d_un.d_val) : NULL;
            if (name && !strncmp(name, library, strlen(library))) return true;
        }
    }
    return false;
}
