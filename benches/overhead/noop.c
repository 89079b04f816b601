/* A compiler that compiles nothing, so that only what stands in front of it is measured. A question (a single
 * argument, such as --version) goes to the real compiler at REAL, so that it is known for what it stands for. */
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc != 2)
        return 0;
    argv[0] = REAL;
    execv(REAL, argv);
    return 127;
}
