/*
 * weak.h: what only glibc has. musl's loader ends a program if one symbol of a
 * preloaded library cannot be found: there the library is loaded all the same,
 * records nothing (start.c), and every hook calls through.
 *
 * A system header: clang warns, and has no switch against it, of a weak name
 * that the including file does not declare, because it does not use it.
 */
#ifndef WEAK_H
#define WEAK_H

#pragma GCC system_header

#pragma weak gnu_get_libc_version
#pragma weak _r_debug
#pragma weak dladdr1
#pragma weak on_exit
#pragma weak strerrorname_np
#pragma weak __libc_single_threaded
#pragma weak __tls_get_addr

#endif
