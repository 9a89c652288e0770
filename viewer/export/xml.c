/* xml.c: see xml.h. */
#include <string.h>

#include "viewer/text.h"
#include "xml.h"

void xml_put_most(FILE *out, const char *string, size_t most)
{
    if (!string) string = "?";
    size_t length = strlen(string);
    for (size_t i = 0, shown = 0; i < length; shown++) {
        if (shown == most) {
            fputs("…", out);
            return;
        }
        uint32_t c;
        unsigned n = text_decode(string + i, length - i, &c);
        if (!n || text_treacherous(c) || c == 0xfffe || c == 0xffff)
            fprintf(out, "\\x%02x", (unsigned char)string[i]), n = 1;
        else if (strchr("<>&\"'", (int)c) && c < 0x80 && c)
            fprintf(out, "&#%u;", c);
        else
            fwrite(string + i, 1, n, out);
        i += n;
    }
}

void xml_put(FILE *out, const char *string) { xml_put_most(out, string, SIZE_MAX); }
