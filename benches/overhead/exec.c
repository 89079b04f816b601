/* The least that any wrapper does: becomes another program. REAL is its path.
 *
 * With DROP it leaves one argument out on the way: a stand-in for a compiler that knows an option which the real
 * one refuses. */
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    (void)argc;
    argv[0] = REAL;
#ifdef DROP
    char **to = argv;
    for (char **from = argv; *from; from++)
        if (strcmp(*from, DROP) != 0)
            *to++ = *from;
    *to = 0;
#endif
    execv(REAL, argv);
    return 127;
}
