/* xml.h: text in XML and SVG. */
#ifndef EXPORT_XML_H
#define EXPORT_XML_H

#include <stdio.h>

/*
 * Bytes of a traced program as text of an element or a quoted attribute: markup is escaped, and so is what
 * is no UTF-8, no character of XML 1.0, or treacherous (text.h), as \x1b and the like. NULL is "?".
 */
void xml_put(FILE *out, const char *string);
/* At most so many characters of it, and then an ellipsis. */
void xml_put_most(FILE *out, const char *string, size_t most);

#endif
