/*
 * test_secret.c: what is masked in recorded arguments, and what must not be.
 */
#include "preload/secret.c" /* first: it chooses what libc shows */

#include <criterion/criterion.h>

/* Arguments are written with '|' between them; the last has its NUL too. */
static void expect(const char *given, const char *wanted)
{
    char block[512];
    size_t length = strlen(given) + 1;
    memcpy(block, given, length);
    for (char *c = block; *c; c++)
        if (*c == '|') *c = 0;
    memset(block + length, 'X', sizeof block - length);
    size_t masked = secret_mask(block, length);
    cr_assert(masked <= length, "%s grew", given);
    cr_assert(block[length] == 'X', "%s: written past its end", given);
    for (size_t i = 0; i + 1 < masked; i++)
        if (!block[i]) block[i] = '|';
    cr_expect_str_eq(block, wanted, "%s became %s", given, block);
}

Test(secret, options)
{
    expect("cmd|--password=hunter2|x", "cmd|--password=***|x");
    expect("cmd|--password|hunter2|x", "cmd|--password|***|x");
    expect("cmd|--token|--verbose|x", "cmd|--token|--verbose|x");
    expect("cmd|--token|-abc|x", "cmd|--token|***|x");
    expect("cmd|-Dapi.apikey=1234", "cmd|-Dapi.apikey=***");
    expect("cmd|--API-KEY=1234|--api_key=5678", "cmd|--API-KEY=***|--api_key=***");
    expect("cmd|--db-passwd=a b c|d", "cmd|--db-passwd=***|d");
    expect("cmd|--credentials=/etc/c.json", "cmd|--credentials=***");
    expect("cmd|--secret", "cmd|--secret");
    expect("cmd|--secret||x", "cmd|--secret||x");
    expect("cmd|--secret=|x", "cmd|--secret=|x");
    expect("cmd|--secret=a|--secret=ab", "cmd|--secret=*|--secret=**");
}

Test(secret, variables)
{
    expect("env|PGPASSWORD=hunter2|psql", "env|PGPASSWORD=***|psql");
    expect("env|AWS_SECRET_ACCESS_KEY=abcd", "env|AWS_SECRET_ACCESS_KEY=***");
    expect("cmd|--password=hunter2|API_KEY=abcd|TOKEN=abcd", "cmd|--password=***|API_KEY=***|TOKEN=***");
    expect("env|PATH=/bin|HOME=/root", "env|PATH=/bin|HOME=/root");
}

Test(secret, inside_an_argument)
{
    expect("sh|-c|mysql --password=hunter2 -u root", "sh|-c|mysql --password=*** -u root");
    expect("sh|-c|mysql --password hunter2 -u root", "sh|-c|mysql --password *** -u root");
    expect("sh|-c|x --token 'a b' y", "sh|-c|x --token '***' y");
    expect("curl|http://h/?token=abcdef&page=2", "curl|http://h/?token=***&page=2");
    expect("curl|-H|X-Api-Key: abcdef", "curl|-H|X-Api-Key: ***");
    expect("curl|-d|{\"password\": \"a b\", \"user\": \"u\"}",
           "curl|-d|{\"password\": \"***\", \"user\": \"u\"}");
    expect("sh|-c|a;SECRET=abcd;b", "sh|-c|a;SECRET=***;b");
}

Test(secret, left_alone)
{
    expect("git|commit|-m|add token support", "git|commit|-m|add token support");
    expect("uwsgi|--master|--workers|2", "uwsgi|--master|--workers|2");
    expect("grep|password|file", "grep|password|file");
    expect("ssh|token@host", "ssh|token@host");
    expect("", "");
    expect("||", "||");
}

/* A block that was cut in the middle of an argument has no last NUL. */
Test(secret, cut)
{
    char block[] = "cmd\0--password=hunt";
    size_t masked = secret_mask(block, sizeof block - 1);
    cr_expect_eq(masked, sizeof "cmd\0--password=***" - 1);
    cr_expect(!memcmp(block, "cmd\0--password=***", masked));
    cr_expect_eq(secret_mask(block, 0), 0);
}
