/* test_text.c: strings from traces on a terminal, and numbers as people read them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/un.h>

#include "viewer/text.h"

static const char *escaped(const char *bytes, size_t length)
{
    static char out[256];
    text_escape(out, sizeof out, bytes, length);
    return out;
}
#define ESCAPED(literal) escaped(literal, sizeof literal - 1)

Test(text, what_acts_on_a_terminal_is_made_visible)
{
    cr_expect_str_eq(ESCAPED("plain \xc3\xa9 \xe2\x86\x92 \xf0\x9f\x90\x8d"),
                     "plain \xc3\xa9 \xe2\x86\x92 \xf0\x9f\x90\x8d");
    cr_expect_str_eq(ESCAPED("a\033[31mb"), "a\\x1b[31mb");
    cr_expect_str_eq(ESCAPED("a\nb\tc\rd\0e\177"), "a\\nb\\tc\\rd\\x00e\\x7f");
    cr_expect_str_eq(ESCAPED("\xc2\x9b"
                             "2J"),
                     "\\x9b2J"); /* C1: an 8-bit CSI */
    cr_expect_str_eq(ESCAPED("a\xe2\x80\xae"
                             "b"),
                     "a\\u{202e}b"); /* right-to-left override */
    cr_expect_str_eq(ESCAPED("a\xe2\x80\x8b"
                             "b\xef\xbb\xbf"),
                     "a\\u{200b}b\\u{feff}"); /* invisible */
}

Test(text, what_is_no_utf8_is_shown_byte_by_byte)
{
    cr_expect_str_eq(ESCAPED("\xff\x80"
                             "a"),
                     "\\xff\\x80a");
    cr_expect_str_eq(ESCAPED("\xc0\xaf"), "\\xc0\\xaf");          /* overlong '/' */
    cr_expect_str_eq(ESCAPED("\xed\xa0\x80"), "\\xed\\xa0\\x80"); /* a surrogate */
    cr_expect_str_eq(ESCAPED("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
    cr_expect_str_eq(ESCAPED("a\xe2\x86"), "a\\xe2\\x86"); /* cut */
}

Test(text, no_room_cuts_between_characters)
{
    char out[8];
    memset(out, 'x', sizeof out);
    cr_expect_eq(text_escape(out, 4, "ab\xe2\x86\x92", 5), 2);
    cr_expect_str_eq(out, "ab");
    cr_expect_eq(text_escape(out, 1, "ab", 2), 0);
    cr_expect_str_eq(out, "");
    cr_expect_eq(out[4], 'x');
}

Test(text, numbers)
{
    char b[TEXT_SHORT];
    cr_expect_str_eq(text_duration(b, 0), "0 ns");
    cr_expect_str_eq(text_duration(b, 1500), "1.5 us");
    cr_expect_str_eq(text_duration(b, 12345678), "12.3 ms");
    cr_expect_str_eq(text_duration(b, 2000000000), "2.00 s");
    cr_expect_str_eq(text_duration(b, 185000000000), "3 min 05 s");
    cr_expect_str_eq(text_duration(b, 7380000000000), "2 h 03 min");
    cr_expect_str_eq(text_duration(b, INT64_MAX)[0] ? "something" : "", "something");
    cr_expect_str_eq(text_time(b, 1234567890), "+1.234567");
    cr_expect_str_eq(text_signal(b, SIGTERM), "SIGTERM");
    cr_expect_str_eq(text_signal(b, SIGRTMIN + 2), "SIGRTMIN+2");
    cr_expect_str_eq(text_signal(b, 0x7fff), "signal 32767");
    cr_expect_str_eq(text_error(b, EADDRINUSE), "EADDRINUSE");
    cr_expect_str_eq(text_error(b, 99999), "error 99999");
    cr_expect_str_eq(text_fork_api(FT_FORK__Fork), "_Fork");
    cr_expect_str_eq(text_fork_api(0), "unknown");
    cr_expect_str_eq(text_fork_api(UINT32_MAX), "unknown");
}

Test(text, addresses)
{
    char address[128];
    int port;
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(8000), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    text_sockaddr(&in, sizeof in, address, sizeof address, &port);
    cr_expect_str_eq(address, "127.0.0.1");
    cr_expect_eq(port, 8000);
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(80), .sin6_addr = in6addr_loopback};
    text_sockaddr(&in6, sizeof in6, address, sizeof address, &port);
    cr_expect_str_eq(address, "::1");
    cr_expect_eq(port, 80);
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run/\033.sock"};
    text_sockaddr(&un, sizeof un, address, sizeof address, &port);
    cr_expect_str_eq(address, "/run/\\x1b.sock");
    cr_expect_eq(port, -1);
    text_sockaddr(&in, 3, address, sizeof address, &port);
    cr_expect_eq(port, -1);
    text_sockaddr(&in, 0, address, sizeof address, &port);
    cr_expect_str_eq(address, "?");
}
